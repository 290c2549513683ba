/* gnuplot.c: writes the script, runs the program, reads what it drew. */
#define _GNU_SOURCE
#include "study/gnuplot.h"

#include "base/file.h"
#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { LARGEST_SVG = 8 << 20 };

/* ---- the script ---- */

void lbk__gnuplot_put(lbk__gnuplot *gnuplot, const char *format, ...) {
    char line[2048];
    va_list arguments;
    if (gnuplot->status != LBK_OK) return;
    va_start(arguments, format);
    const int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    gnuplot->status = lbk__text_append(gnuplot->context, &gnuplot->script, line,
                                       (size_t)LBK_MIN(length, (int)sizeof line - 1));
}

const char *lbk__gnuplot_quote(char *buffer, size_t size, const char *text) {
    size_t length = 0;
    buffer[length++] = '\'';
    while (*text) {
        size_t bytes = 1; /* of the character */
        while (((unsigned char)text[bytes] & 0xC0) == 0x80) bytes++;
        if (length + 2 * bytes + 2 > size) break;
        const unsigned char first = (unsigned char)*text;
        if (first == '\'') buffer[length++] = '\'';
        if (first >= 0x20 && first != 0x7F) {
            memcpy(buffer + length, text, bytes);
            length += bytes;
        }
        text += bytes;
    }
    buffer[length++] = '\'';
    buffer[length] = 0;
    return buffer;
}

void lbk__gnuplot_begin(lbk__gnuplot *gnuplot, const char *name, int width, int height) {
    json_array_append_new(gnuplot->names, json_string(name));
    lbk__gnuplot_put(gnuplot,
                     "reset\nset terminal svg size %d,%d dynamic font 'sans-serif,12'\nset output '%s.svg'\n"
                     "set border 3 lc rgb '#5c6470'\nset tics nomirror scale 0.5 textcolor rgb '#1f2430'\n"
                     "set grid lt 1 lw 0.7 lc rgb '#e3e6ea'\nunset key\nset encoding utf8\n",
                     width, height, name);
}

void lbk__gnuplot_tics(lbk__gnuplot *gnuplot, char axis, double low, double high) {
    /* A range that nine digits cannot tell from a point would be widened by gnuplot, past millions of tics.
     */
    const double least = fmax(1e-9, 1e-6 * fmax(fabs(low), fabs(high)));
    if (high - low < least) low -= least / 2, high = low + least;
    const double rough = (high - low) / 4, power = pow(10, floor(log10(rough))), share = rough / power;
    const double step = power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
    lbk__gnuplot_put(gnuplot, "set %crange [%.9g:%.9g]\nset %ctics %.9g\n", axis, low, high, axis, step);
}

/* ---- running it ---- */

/* What the shell writes of how gnuplot ended, −1: nothing. Not by waitpid: a program that ignores SIGCHLD, or
 * reaps all its children, leaves it nothing to tell. */
static int outcome_of(int pipe) {
    char text[16];
    size_t length = 0;
    ssize_t got;
    while (length + 1 < sizeof text && (got = read(pipe, text + length, sizeof text - 1 - length)) != 0) {
        if (got < 0 && errno != EINTR) break;
        if (got > 0) length += (size_t)got;
    }
    text[length] = 0;
    return length ? atoi(text) : -1;
}

/* Within a GiB and a minute, whatever numbers it is given to draw; without the user's settings (-d). */
static lbk_status spawn(lbk_context *context, const char *folder, bool *missing) {
    char *const arguments[] = {
        "sh", "-c", "ulimit -v 1048576; ulimit -t 60; gnuplot -d plots.gp 3>&-; echo $? >&3", NULL};
    posix_spawn_file_actions_t actions;
    pid_t process;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return lbk__fail_errno(context, "gnuplot cannot be run");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, folder);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "gnuplot.log", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW,
                                     0666);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 3);
    const int error = posix_spawn(&process, "/bin/sh", &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    const int outcome = error ? -1 : outcome_of(ends[0]);
    close(ends[0]);
    *missing = error == ENOENT || outcome == 127; /* found by no path */
    errno = error;
    if (error && !*missing) return lbk__fail_errno(context, "gnuplot cannot be run");
    while (!error && waitpid(process, NULL, 0) < 0 && errno == EINTR) {
    }
    if (*missing || outcome == 0) return LBK_OK;
    if (lbk__interrupted(context)) return lbk__fail(context, LBK_INTERRUPTED, "stopped on request");
    return lbk__fail(context, LBK_INTERNAL, "gnuplot failed: see %s/gnuplot.log", folder);
}

/* What is between `begin` and `end`, for a page that has other plots: ids and what refers to them begin with
 * the plot's name. Titles are left out: they are lines of the script, and would be tooltips. */
static lbk_status adopt(lbk_context *context, const char *name, const char *begin, const char *end,
                        lbk__text *out) {
    static const char *const before_id[] = {" id='", " id=\"", "href='#", "href=\"#", "url(#"};
    static const char title[] = "<title>", closing[] = "</title>";
    bool tag = false;
    while (begin < end) {
        const char *close = strncmp(begin, title, sizeof title - 1) == 0 ? strstr(begin, closing) : NULL;
        size_t length = 1;
        bool id = false;
        if (close) {
            begin = close + sizeof closing - 1;
            continue;
        }
        tag = *begin == '<' || (tag && *begin != '>');
        for (size_t i = 0; tag && !id && i < LBK_COUNT(before_id); i++)
            if ((id = strncmp(begin, before_id[i], strlen(before_id[i])) == 0)) length = strlen(before_id[i]);
        LBK_TRY(lbk__text_append(context, out, begin, length));
        if (id) LBK_TRY(lbk__text_printf(context, out, "%s-", name));
        begin += length;
    }
    return LBK_OK;
}

/* "Produced by GNUPLOT 5.4 patchlevel 4 " is what an SVG describes itself as, from `text` to `end`. */
static json_t *version_of(const char *text, const char *end) {
    static const char before[] = "Produced by ";
    const char *name = strstr(text, before);
    if (!name || name > end) return json_string("gnuplot");
    name += sizeof before - 1;
    while (end > name && end[-1] == ' ') end--;
    return json_stringn(name, (size_t)(end - name));
}

/* What is between <desc> and </svg>, in a tag of ours. */
static lbk_status read_svg(lbk_context *context, const char *folder, const char *name, json_t *plots) {
    char *path, *svg = NULL;
    lbk__text inner = {0};
    size_t size;
    int width, height;
    lbk_status status = LBK_OK;
    LBK_TRY(lbk__format(context, &path, "%s/%s.svg", folder, name));
    LBK_GO(lbk__read_file(context, path, LARGEST_SVG, &svg, &size));
    const char *box = strstr(svg, "viewBox=\"0 0 "), *begin = strstr(svg, "</desc>"),
               *end = strstr(svg, "</svg>");
    if (!box || !begin || !end || begin > end || sscanf(box, "viewBox=\"0 0 %d %d", &width, &height) != 2)
        LBK_GO(lbk__fail(context, LBK_IO, "%s: gnuplot did not draw it whole: is the disk full?", path));
    json_object_set_new(plots, "gnuplot", version_of(svg, begin));
    begin += strlen("</desc>");
    LBK_GO(lbk__text_printf(
        context, &inner,
        "<svg viewBox=\"0 0 %d %d\" role=\"img\" xmlns:xlink=\"http://www.w3.org/1999/xlink\">", width,
        height));
    LBK_GO(adopt(context, name, begin, end, &inner));
    LBK_GO(lbk__text_append(context, &inner, "</svg>", 6));
    json_object_set_new(plots, name, json_string(inner.data));
done:
    lbk_free(context, path);
    lbk_free(context, svg);
    lbk__text_free(context, &inner);
    return status;
}

/* gnuplot would follow links, and wait for somebody who reads a pipe. */
static lbk_status prepare(lbk__gnuplot *gnuplot, const char *folder) {
    lbk_context *context = gnuplot->context;
    struct stat found;
    if (lstat(folder, &found) == 0 && S_ISLNK(found.st_mode))
        return lbk__fail(context, LBK_IO, "%s: is a link; remove it", folder);
    LBK_TRY(lbk__make_folder(context, folder));
    for (size_t i = 0; i < json_array_size(gnuplot->names); i++) {
        char *path;
        LBK_TRY(lbk__format(context, &path, "%s/%s.svg", folder,
                            json_string_value(json_array_get(gnuplot->names, i))));
        unlink(path);
        lbk_free(context, path);
    }
    return LBK_OK;
}

lbk_status lbk__gnuplot_run(lbk__gnuplot *gnuplot, const char *folder, json_t **plots) {
    lbk_context *context = gnuplot->context;
    bool missing;
    char *path = NULL;
    lbk_status status = LBK_OK;
    *plots = json_object();
    LBK_TRY(gnuplot->status);
    LBK_TRY(prepare(gnuplot, folder));
    lbk__remove_leftovers(folder, NULL);
    LBK_GO(lbk__join(context, folder, "plots.gp", &path));
    LBK_GO(lbk__write_file(context, path, gnuplot->script.data, gnuplot->script.length));
    LBK_GO(spawn(context, folder, &missing));
    for (size_t i = 0; !missing && i < json_array_size(gnuplot->names); i++)
        LBK_GO(read_svg(context, folder, json_string_value(json_array_get(gnuplot->names, i)), *plots));
done:
    lbk_free(context, path);
    return status;
}

void lbk__gnuplot_free(lbk__gnuplot *gnuplot) {
    lbk__text_free(gnuplot->context, &gnuplot->script);
    json_decref(gnuplot->names);
}
