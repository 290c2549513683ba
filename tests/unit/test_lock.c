/* test_lock.c: locks between real processes, the living and the dead; what the dead leave is removed. */
#include "check.h"

#include "base/file.h"
#include "base/lock.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static lbk_context *context;
static char *folder, path[128], lock_path[160];

static int set_up(void **state) {
    (void)state;
    context = check_context();
    folder = check_folder();
    snprintf(path, sizeof path, "%s/out", folder);
    snprintf(lock_path, sizeof lock_path, "%s/out.lock", folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    assert_int_equal(rmdir(folder), 0); /* the lock's file is gone, and all else */
    free(folder);
    lbk_context_destroy(context);
    return 0;
}

/* A process that takes the lock of `path`, says so, and holds it until it is killed. */
static pid_t holder(void) {
    int said[2];
    char byte;
    assert_int_equal(pipe(said), 0);
    const pid_t process = fork();
    assert_true(process >= 0);
    if (process == 0) {
        lbk__lock lock;
        if (lbk__lock_output(context, path, &lock) != LBK_OK || write(said[1], "!", 1) != 1) _exit(1);
        for (;;) pause();
    }
    close(said[1]);
    assert_int_equal(read(said[0], &byte, 1), 1);
    close(said[0]);
    return process;
}

static void the_living_hold_a_lock_and_the_dead_do_not(void **state) {
    (void)state;
    lbk__lock lock;
    const pid_t process = holder();
    check_fails(context, LBK_BUSY, "/out: another process is writing it; wait for it or name another place",
                lbk__lock_output(context, path, &lock));
    lbk__unlock(&lock); /* was not taken: nothing happens */
    assert_true(lbk__exists(lock_path));
    kill(process, SIGKILL);
    assert_int_equal(waitpid(process, NULL, 0), process);
    assert_true(lbk__exists(lock_path)); /* the file is there still, and means nothing */
    check_ok(context, lbk__lock_output(context, path, &lock));
    lbk__unlock(&lock);
    assert_false(lbk__exists(lock_path));
}

static void one_process_may_not_have_it_twice(void **state) {
    (void)state;
    lbk__lock first, second;
    check_ok(context, lbk__lock_folder(context, folder, &first));
    check_fails(context, LBK_BUSY, "is working in this folder; wait for it or take another folder",
                lbk__lock_folder(context, folder, &second));
    lbk__unlock(&first);
    check_ok(context, lbk__lock_folder(context, folder, &second));
    lbk__unlock(&second);
    check_fails(context, LBK_IO, "/nowhere/at/all: cannot create: no such folder",
                lbk__lock_folder(context, "/nowhere/at/all", &first));
}

enum { RACERS = 4, ROUNDS = 100 };

/* Takes the lock again and again; while it holds it, nobody else may be there. */
static int race(void) {
    char here[160];
    snprintf(here, sizeof here, "%s/here", folder);
    for (int done = 0; done < ROUNDS;) {
        lbk__lock lock;
        if (lbk__lock_output(context, path, &lock) != LBK_OK) {
            usleep(50);
            continue;
        }
        if (mkdir(here, 0700) != 0 || rmdir(here) != 0) return 1;
        lbk__unlock(&lock);
        done++;
    }
    return 0;
}

static void removing_the_file_lets_nobody_in(void **state) {
    (void)state;
    pid_t racers[RACERS];
    for (int i = 0; i < RACERS; i++)
        if ((racers[i] = fork()) == 0) _exit(race());
    for (int i = 0; i < RACERS; i++) {
        int outcome;
        assert_int_equal(waitpid(racers[i], &outcome, 0), racers[i]);
        assert_true(WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0);
    }
}

static void put_file(const char *name) {
    char whole[160];
    snprintf(whole, sizeof whole, "%s/%s", folder, name);
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    fclose(file);
}

/* Whether it is there; removes it. */
static bool take_file(const char *name) {
    char whole[160];
    snprintf(whole, sizeof whole, "%s/%s", folder, name);
    return remove(whole) == 0;
}

static void leftovers_of_the_dead_are_removed(void **state) {
    (void)state;
    static const char *const names[] = {"out.tmp-12-0",  "other.tmp-12-0",   "out.tmp-12-0.txt", "out.tmp-1",
                                        "out.tmp-x-0",   "out.tmp-12-",      "out.tmp-",         "out.txt",
                                        "out2.tmp-1-23", "out.tmp-a.tmp-1-2"};
    static const bool of_out[] = {true}, of_any[] = {true, true, [8] = true};
    lbk__lock lock;
    for (size_t i = 0; i < LBK_COUNT(names); i++) put_file(names[i]);
    check_ok(context, lbk__lock_output(context, path, &lock));
    lbk__unlock(&lock);
    for (size_t i = 0; i < LBK_COUNT(names); i++)
        assert_int_equal(take_file(names[i]), !(i < LBK_COUNT(of_out) && of_out[i]));
    for (size_t i = 0; i < LBK_COUNT(names) - 1; i++) put_file(names[i]);
    check_ok(context, lbk__lock_folder(context, folder, &lock));
    lbk__unlock(&lock);
    for (size_t i = 0; i < LBK_COUNT(names) - 1; i++)
        assert_int_equal(take_file(names[i]), !(i < LBK_COUNT(of_any) && of_any[i]));
}

/* A pack, say, that another process writes into a folder that this one works in. */
static void temporaries_of_the_living_stay(void **state) {
    (void)state;
    lbk__lock output, whole;
    check_ok(context, lbk__lock_output(context, path, &output));
    put_file("out.tmp-12-0");
    put_file("other.tmp-12-0");
    check_ok(context, lbk__lock_folder(context, folder, &whole));
    lbk__unlock(&whole);
    lbk__unlock(&output);
    assert_true(take_file("out.tmp-12-0"));
    assert_false(take_file("other.tmp-12-0"));
}

static void files_without_a_name_leave_nothing(void **state) {
    (void)state;
    FILE *file;
    char back[4] = "";
    check_ok(context, lbk__unnamed_file(context, path, &file));
    assert_int_equal(fwrite("abc", 1, 3, file), 3);
    rewind(file);
    assert_int_equal(fread(back, 1, 3, file), 3);
    assert_string_equal(back, "abc");
    fclose(file);
    check_fails(context, LBK_IO, "/nowhere/out: cannot create a temporary file",
                lbk__unnamed_file(context, "/nowhere/out", &file));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_living_hold_a_lock_and_the_dead_do_not),
        TEST(one_process_may_not_have_it_twice),
        TEST(removing_the_file_lets_nobody_in),
        TEST(leftovers_of_the_dead_are_removed),
        TEST(temporaries_of_the_living_stay),
        TEST(files_without_a_name_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
