/* kill.c: runs a command again and again, kills it each time at another moment, looks at what it left, runs
 * it to its end and compares with a run that was not killed.
 *
 *   kill MOMENTS STEPS NAME FOLDER COMMAND...
 *
 * MOMENTS are spread over the time that the command takes, one in each of so many equal parts of it. STEPS
 * are those on a file's way to disk, spread over all there are; the environment's WATCH names watch_files.so,
 * without it there are none. COMMAND writes into FOLDER, which is emptied each time; --resume is added where
 * there is a checkpoint to go on from. SEED (printed) makes the same choices again. */
#define _GNU_SOURCE
#include "tree.h"

#include "base/file.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_TIMED_RUNS = 3, MOST_ARGUMENTS = 64 };

static struct {
    lbk_context *context;
    const char *name, *folder;
    char reference[4096], log[4096];
    char **command;
    uint64_t seed;
} job;

static struct { int killed, late, resumed, wrong; } outcome;

static void die(const char *what) {
    printf("%s: %s: %s\n", job.name, what, strerror(errno));
    exit(1);
}

static void shell(const char *command, const char *path) {
    char line[9000];
    snprintf(line, sizeof line, "%s '%s'", command, path);
    if (system(line) != 0) die(line);
}

static void empty_folder(void) {
    shell("rm -rf", job.folder);
    shell("mkdir -p", job.folder);
}

/* ---- processes ---- */

static bool has_checkpoint(void) {
    char path[4200];
    snprintf(path, sizeof path, "%s/checkpoint/state.safetensors", job.folder);
    return lbk__exists(path);
}

/* `kill_at` 0: not by itself, and unwatched. */
static pid_t start(long kill_at) {
    const pid_t process = fork();
    if (process < 0) die("fork");
    if (process > 0) return process;
    char *arguments[MOST_ARGUMENTS + 2], number[32];
    int count = 0;
    while (count < MOST_ARGUMENTS && job.command[count]) arguments[count] = job.command[count], count++;
    if (has_checkpoint()) arguments[count++] = "--resume";
    arguments[count] = NULL;
    if (kill_at) {
        snprintf(number, sizeof number, "%ld", kill_at);
        setenv("LD_PRELOAD", getenv("WATCH"), 1);
        setenv("WATCH_LOG", job.log, 1);
        setenv("WATCH_KILL", number, 1);
    }
    const int file = open(job.log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    dup2(file, 1), dup2(file, 2);
    execv(arguments[0], arguments);
    _exit(127);
}

/* Exit code, or −1 when a signal ended it. */
static int finish(pid_t process) {
    int status;
    if (waitpid(process, &status, 0) != process) die("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void run_whole(const char *when) {
    if (finish(start(0)) == 0) return;
    printf("%s: %s, the command failed:\n", job.name, when);
    fflush(stdout);
    shell("tail -5", job.log);
    outcome.wrong++;
}

/* ---- the run that is not killed ---- */

/* Seconds that the command takes: the median of a few runs. The last becomes the reference. */
static double measure(int runs) {
    double seconds[MOST_TIMED_RUNS] = {0};
    for (int i = 0; i < runs; i++) {
        empty_folder();
        const double begin = lbk__seconds();
        run_whole("not killed");
        seconds[i] = lbk__seconds() - begin;
        for (int j = i; j > 0 && seconds[j] < seconds[j - 1]; j--) {
            const double other = seconds[j];
            seconds[j] = seconds[j - 1], seconds[j - 1] = other;
        }
    }
    shell("rm -rf", job.reference);
    if (rename(job.folder, job.reference) != 0) die(job.reference);
    return seconds[runs / 2];
}

/* How many steps to disk there are. */
static long count_steps(void) {
    char *text = NULL, *line;
    size_t size;
    unlink(job.log);
    empty_folder();
    if (finish(start(-1)) != 0 || lbk__read_file(job.context, job.log, 1 << 26, &text, &size) != LBK_OK)
        die("a watched run failed");
    line = strstr(text, "\nwatched ");
    const long steps = line ? atol(line + strlen("\nwatched ")) : 0;
    lbk_free(job.context, text);
    if (steps == 0) {
        printf("%s: a watched run took no step\n", job.name);
        exit(1);
    }
    return steps;
}

/* ---- kills ---- */

/* In [0, 1), for each of the moments another. */
static double chance(int i) {
    uint32_t word[4];
    lbk__philox(job.seed, 0, 0, (uint64_t)i, word);
    return (double)word[0] / 4294967296.0;
}

static void sleep_for(double seconds) {
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&time, &time) != 0 && errno == EINTR) {
    }
}

/* The process may have ended before; it stays a zombie until it is waited for, so the signal hits nobody
 * else. */
static int kill_after(double seconds) {
    const pid_t process = start(0);
    sleep_for(seconds);
    kill(process, SIGKILL);
    return finish(process);
}

/* `killed` is how the process that began with an empty folder ended, at that moment. */
static void examine(int killed, const char *when) {
    const int before = outcome.wrong;
    outcome.killed += killed < 0;
    outcome.late += killed == 0;
    outcome.wrong += killed > 0;
    outcome.wrong += tree_not_whole(job.context, job.folder, job.reference);
    outcome.resumed += killed < 0 && has_checkpoint();
    run_whole(when);
    outcome.wrong += tree_differs(job.context, job.folder, job.reference);
    if (outcome.wrong != before) printf("%s: %s: wrong as said above\n", job.name, when);
}

static void fresh(void) {
    unlink(job.log);
    empty_folder();
}

static void kill_at_moments(int number, double seconds) {
    char when[64];
    for (int i = 0; i < number; i++) {
        const double after = (i + chance(i)) / number * seconds;
        fresh();
        snprintf(when, sizeof when, "killed after %.4f s", after);
        examine(kill_after(after), when);
    }
}

static void kill_at_steps(int number) {
    char when[64];
    const long all = count_steps();
    for (int i = 0; i < number; i++) {
        const long at = 1 + (long)((i + chance(-1 - i)) / number * (double)all);
        fresh();
        snprintf(when, sizeof when, "killed before step %ld to disk of %ld", at, all);
        examine(finish(start(at)), when);
    }
}

int main(int count, char **arguments) {
    if (count < 6 || lbk_context_create(NULL, &job.context) != LBK_OK) return 2;
    const int moments = atoi(arguments[1]), steps = getenv("WATCH") ? atoi(arguments[2]) : 0;
    job.name = arguments[3], job.folder = arguments[4], job.command = arguments + 5;
    snprintf(job.reference, sizeof job.reference, "%s.whole", job.folder);
    snprintf(job.log, sizeof job.log, "%s.log", job.folder);
    job.seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10) : (uint64_t)time(NULL);
    const double seconds = measure(LBK_MAX(1, LBK_MIN(moments, MOST_TIMED_RUNS)));
    kill_at_moments(moments, seconds);
    if (steps) kill_at_steps(steps);
    printf("%s: %d moments of %.2f s and %d steps to disk, seed %llu: %d killed (%d after a checkpoint), %d "
           "ended "
           "before; %d wrong\n",
           job.name, moments, seconds, steps, (unsigned long long)job.seed, outcome.killed, outcome.resumed,
           outcome.late, outcome.wrong);
    lbk_context_destroy(job.context);
    return outcome.wrong || outcome.killed == 0;
}
