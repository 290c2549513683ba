/* files.c: inputs to files, in a folder of this process's own. */
#define _GNU_SOURCE
#include "fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

fuzz_bytes fuzz_part(fuzz_bytes *input) {
    const char *end = input->size ? memmem(input->data, input->size, "\n%%\n", 4) : NULL;
    fuzz_bytes part = *input;
    if (end) part.size = (size_t)(end - input->data);
    const size_t taken = end ? part.size + 4 : part.size;
    *input = (fuzz_bytes){input->data + taken, input->size - taken};
    return part;
}

int fuzz_choice(fuzz_bytes *input, int limit) {
    if (input->size == 0) return 0;
    const int choice = (unsigned char)*input->data % limit;
    *input = (fuzz_bytes){input->data + 1, input->size - 1};
    return choice;
}

/* ---- the folder ---- */

static char folder[64];

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info, (void)kind, (void)place;
    remove(path);
    return 0;
}

static void remove_folder(void) {
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_folder(void) {
    snprintf(folder, sizeof folder, "%s/limbeck-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder)) abort();
    atexit(remove_folder);
}

const char *fuzz_path(const char *name) {
    enum { BUFFERS = 8 };
    static char buffers[BUFFERS][256];
    static int next;
    if (!*folder) make_folder();
    char *path = buffers[next++ % BUFFERS];
    snprintf(path, sizeof buffers[0], "%s/%s", folder, name);
    return path;
}

void fuzz_remove(const char *name) {
    nftw(fuzz_path(name), remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_parents(char *path) {
    for (char *slash = path + strlen(folder) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(path, 0700);
    }
}

const char *fuzz_put(const char *name, fuzz_bytes content) {
    const char *path = fuzz_path(name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file < 0) {
        make_parents((char *)(uintptr_t)path);
        file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    }
    if (file < 0 || write(file, content.data, content.size) != (ssize_t)content.size) {
        perror(path);
        abort();
    }
    close(file);
    return path;
}

const char *fuzz_put_tensors(const char *name, fuzz_bytes *input) {
    const char *end = input->size ? memmem(input->data, input->size, "\n%%\n", 4) : NULL;
    if (!end) {
        const fuzz_bytes all = *input;
        *input = (fuzz_bytes){all.data + all.size, 0};
        return fuzz_put(name, all);
    }
    const fuzz_bytes header = fuzz_part(input), data = fuzz_part(input);
    const uint64_t length = header.size;
    char *file = malloc(sizeof length + header.size + data.size);
    memcpy(file, &length, sizeof length);
    memcpy(file + sizeof length, header.data, header.size);
    memcpy(file + sizeof length + header.size, data.data, data.size);
    const char *path = fuzz_put(name, (fuzz_bytes){file, sizeof length + header.size + data.size});
    free(file);
    return path;
}

/* ---- zip containers ---- */

static uint32_t crc32_of(fuzz_bytes content) {
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < content.size; i++) {
        crc ^= (unsigned char)content.data[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

static void put_little(FILE *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) fputc((int)(value >> 8 * i & 255), out);
}

/* What a local header and an entry of the directory have in common. */
static void put_common(FILE *out, const char *name, fuzz_bytes content) {
    put_little(out, 0, 2); /* flags */
    put_little(out, 0, 2); /* stored */
    put_little(out, 0x5a210000, 4);
    put_little(out, crc32_of(content), 4);
    put_little(out, content.size, 4);
    put_little(out, content.size, 4);
    put_little(out, strlen(name), 2);
    put_little(out, 0, 2);
}

const char *fuzz_put_zip(const char *name, const char *const *entries, const fuzz_bytes *contents,
                         size_t count) {
    enum { MOST = 8 };
    char *data;
    size_t size;
    long at[MOST];
    FILE *out = open_memstream(&data, &size);
    for (size_t i = 0; i < count && i < MOST; i++) {
        at[i] = ftell(out);
        fwrite("PK\3\4\24", 1, 5, out), fputc(0, out);
        put_common(out, entries[i], contents[i]);
        fputs(entries[i], out);
        fwrite(contents[i].data, 1, contents[i].size, out);
    }
    const long directory = ftell(out);
    for (size_t i = 0; i < count && i < MOST; i++) {
        fwrite("PK\1\2\24\0\24", 1, 7, out), fputc(0, out);
        put_common(out, entries[i], contents[i]);
        put_little(out, 0, 6); /* no comment, disk 0 */
        put_little(out, 0, 4); /* attributes */
        put_little(out, (uint64_t)at[i], 4);
        fputs(entries[i], out);
    }
    const long end = ftell(out);
    fwrite("PK\5\6\0\0\0", 1, 7, out), fputc(0, out);
    put_little(out, count, 2), put_little(out, count, 2);
    put_little(out, (uint64_t)(end - directory), 4), put_little(out, (uint64_t)directory, 4);
    put_little(out, 0, 2);
    fclose(out);
    const char *path = fuzz_put(name, (fuzz_bytes){data, size});
    free(data);
    return path;
}
