/* The system that refuses: the n-th call of a kind fails, n = 1 … all, in each of the library's works: each
 * time it is said, with the system's reason; no temporary file and no open file is left; nothing that was
 * there is lost. Calls that do little at a time or are interrupted change nothing. */
#define _GNU_SOURCE    /* RTLD_NEXT, open64 */
#undef _FORTIFY_SOURCE /* which has read and others inline */
#include "faulty_libc.h"

#include "works.h"

#include "data/feature_rows.h"
#include "train/run.h"

/* What a kind of call fails with, and what then is said. */
static const struct {
    int error;
    lbk_status status;
} failures[NUM_FAULT_CALLS] = {
    [FAULT_OPEN] = {EROFS, LBK_IO},
    [FAULT_FOPEN] = {EACCES, LBK_IO},
    [FAULT_MMAP] = {ENOMEM, LBK_NO_MEMORY},
    [FAULT_READ] = {EIO, LBK_IO},
    [FAULT_FREAD] = {EIO, LBK_IO},
    [FAULT_WRITE] = {ENOSPC, LBK_IO},
    [FAULT_FWRITE] = {ENOSPC, LBK_IO},
    [FAULT_FFLUSH] = {ENOSPC, LBK_IO},
    [FAULT_FCLOSE] = {EDQUOT, LBK_IO},
    [FAULT_SYNC] = {EIO, LBK_IO},
    [FAULT_RENAME] = {EACCES, LBK_IO},
    [FAULT_MKDIR] = {EROFS, LBK_IO},
    [FAULT_TRUNCATE] = {EIO, LBK_IO},
    [FAULT_LOCK] = {ENOLCK, LBK_IO},
    [FAULT_STAT] = {EIO, LBK_IO},
    [FAULT_FDOPEN] = {EMFILE, LBK_IO},
    [FAULT_RESOLVE] = {ENOMEM, LBK_NO_MEMORY},
};

static int count_open_files(void) {
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(folder)) count++;
    closedir(folder);
    return count;
}

static void no_temporary_is_left(const small_run *run, const char *name) {
    char command[400];
    snprintf(command, sizeof command, "! find %s -name '*.tmp-*' | grep .", run->folder);
    if (system(command) != 0) fail_msg("%s left a temporary file", name);
}

/* One work, one kind of call, the n-th of them. False: there are fewer. `table`: what it ends with when it
 * goes on. */
static bool fails_once(small_run *run, const work *w, fault_call call, long n, const char *table) {
    char *summary = NULL;
    const int before = count_open_files();
    const size_t live = run->live;
    remove_made(run);
    fault.below = run->folder, fault.call = call, fault.calls = 0, fault.at = n,
    fault.error = failures[call].error;
    const lbk_status status = w->run(run, &summary);
    fault.below = NULL;
    lbk_free(run->context, summary);
    if (run->live != live) fail_msg("%s, %s %ld: blocks leak", w->name, fault_names[call], n);
    if (count_open_files() != before)
        fail_msg("%s, %s %ld: a file stays open", w->name, fault_names[call], n);
    if (fault.calls < n) {
        check_ok(run->context, status);
        return false;
    }
    /* What was read, or has been seen to the disk, may be closed as it will. */
    if (call == FAULT_FCLOSE && status == LBK_OK && !strstr(fault.path, ".tmp-")) return true;
    if (status != failures[call].status || !strstr(lbk_error(run->context), strerror(failures[call].error)))
        fail_msg("%s, %s %ld on %s: %s: %s", w->name, fault_names[call], n, fault.path,
                 lbk_status_name(status), lbk_error(run->context));
    goes_on(run, w, table);
    return true;
}

static lbk__text result_of(small_run *run, const work *w) {
    static const char *const files[] = {"", "/best/model.safetensors", "/metrics.jsonl", "/model.safetensors",
                                        "/results.csv"};
    lbk__text all = {0};
    char *summary = NULL;
    remove_made(run);
    check_ok(run->context, w->run(run, &summary));
    lbk_free(run->context, summary);
    for (size_t i = 0; i < LBK_COUNT(files); i++) {
        char name[64];
        size_t size;
        snprintf(name, sizeof name, "made%s", files[i]);
        if (!lbk__exists(in(run, name)) || lbk__is_folder(in(run, name))) continue;
        char *data = small_run_read(run, name, &size);
        check_ok(run->context, lbk__text_append(run->context, &all, data, size));
        free(data);
    }
    return all;
}

static void small_and_interrupted_calls_change_nothing(void **state) {
    small_run *run = *state;
    for (const work *w = works; w < works + LBK_COUNT(works); w++) {
        lbk__text wanted = result_of(run, w);
        fault.below = run->folder, fault.call = NUM_FAULT_CALLS, fault.small = true;
        lbk__text got = result_of(run, w);
        fault.below = NULL, fault.small = false;
        assert_int_equal(got.length, wanted.length);
        if (got.length) assert_memory_equal(got.data, wanted.data, wanted.length);
        lbk__text_free(run->context, &wanted);
        lbk__text_free(run->context, &got);
    }
}

static void each_call_fails_once(void **state) {
    small_run *run = *state;
    long all = 0;
    for (const work *w = works; w < works + LBK_COUNT(works); w++) {
        char *table = table_of(run, w);
        for (int call = 0; call < NUM_FAULT_CALLS; call++) {
            size_t n = 1;
            for (; fails_once(run, w, (fault_call)call, (long)n, table); n = next_failure(w, n)) all++;
        }
        no_temporary_is_left(run, w->name);
        free(table);
    }
    print_message("%ld faults\n", all);
    assert_true(all > 300);
}

/* However long: what a reader or a kill sees ends with a whole line. */
static void a_line_of_metrics_is_one_write(void **state) {
    enum { SCALARS = 600 };
    small_run *run = *state;
    char names[SCALARS][48];
    lbk__scalar scalars[SCALARS];
    lbk__run opened;
    remove_made(run);
    for (int i = 0; i < SCALARS; i++) {
        snprintf(names[i], sizeof names[i], "a class of a name that is not short %d", i);
        scalars[i] = (lbk__scalar){names[i], 1.0 / (i + 1)};
    }
    check_ok(run->context, lbk__run_open(run->context, in(run, "made"), false, &opened));
    check_ok(run->context, lbk__run_begin(&opened, NULL));
    fault.below = in(run, "made"), fault.call = FAULT_WRITE, fault.calls = 0, fault.at = 0;
    check_ok(run->context, lbk__run_scalars(&opened, "dev", 1, 0.5, scalars, SCALARS));
    fault.below = NULL;
    assert_int_equal(fault.calls, 1);
    lbk__run_close(&opened);
    size_t size;
    char *line = small_run_read(run, "made/metrics.jsonl", &size);
    assert_true(size > 30000);
    assert_ptr_equal(strchr(line, '\n'), line + size - 1);
    json_t *object = json_loads(line, 0, NULL);
    assert_int_equal(json_object_size(object), SCALARS + 3);
    json_decref(object);
    free(line);
}

/* The file of `limbeck features` that survives the process: opened, gone on with, a chunk more. */
static lbk_status keep_rows(small_run *run) {
    char key[LBK__HASH_SIZE] = "";
    const uint16_t rows[2 * 4] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint16_t again[2 * 4];
    lbk__feature_rows kept;
    size_t done;
    memset(key, 'k', sizeof key - 1);
    lbk_status status =
        lbk__feature_rows_open(run->context, in(run, "made"), key, sizeof rows / 2, 2, &kept, &done);
    if (status == LBK_OK) status = lbk__feature_rows_put(&kept, done, 2, rows);
    if (status == LBK_OK) status = lbk__feature_rows_get(&kept, done, 2, again);
    if (status == LBK_OK) assert_memory_equal(again, rows, sizeof rows);
    lbk__feature_rows_close(&kept);
    return status;
}

static void rows_are_kept_or_it_is_said(void **state) {
    small_run *run = *state;
    int all = 0;
    for (int call = 0; call < NUM_FAULT_CALLS; call++)
        for (long n = 1;; n++, all++) {
            check_ok(run->context, keep_rows(run));
            fault.below = run->folder, fault.call = (fault_call)call, fault.calls = 0, fault.at = n,
            fault.error = failures[call].error;
            const lbk_status status = keep_rows(run);
            fault.below = NULL;
            remove(in(run, "made.part"));
            if (fault.calls < n) break;
            check_fails(run->context, LBK_IO, strerror(failures[call].error), status);
        }
    assert_true(all >= 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_kept_or_it_is_said, set_up, small_run_tear_down),
        cmocka_unit_test_setup_teardown(a_line_of_metrics_is_one_write, set_up, small_run_tear_down),
        cmocka_unit_test_setup_teardown(each_call_fails_once, set_up, small_run_tear_down),
        cmocka_unit_test_setup_teardown(small_and_interrupted_calls_change_nothing, set_up,
                                        small_run_tear_down),
    };
    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
