/* study.h: a study's folder and the runs in it.
 *
 *   teacher-ID/                  a run folder; ID is the hash of what it is made from
 *   cache-ID, cache-ID-foldsK    what it says of every sample
 *   cache-….json                 how well it does: lbk_probe's summary
 *   cells/METHOD-seedN-ID/       a student's run folder
 *   test/NAME                    predictions on the test split of the teacher and of each chosen cell
 *   study.json                   what was run and what dev chose: all that the report needs
 *   results.json, *.csv, report.html, plots/   the report
 *   names.json                   what the names above follow from
 *   lock                         held while a process works there
 *
 * A run is done when its folder has done.json, the summary of its training; its checkpoint is removed then.
 * Everything else follows from the recipe, so that a study goes on wherever it was killed. */
#ifndef LBK_STUDY_STUDY_H
#define LBK_STUDY_STUDY_H

#include "base/file.h"
#include "base/lock.h"
#include "model/model.h"
#include "study/recipe.h"

#include <jansson.h>

/* One student by one method, at one point of the grid, with one seed. */
typedef struct lbk__cell {
    int student, method, point; /* indices; a point is one of lbk__study_num_points */
    int64_t seed;
    char *folder;  /* below the study's */
    bool diverged; /* its training ended without finite gradients */
    double best;   /* on dev */
} lbk__cell;

typedef struct lbk__study {
    lbk_context *context;
    lbk__recipe recipe;
    char *folder, *pack_path, *init, *images; /* `init`, `images`: NULL: none */
    lbk__model *given_teacher;                /* NULL: the recipe's is trained */
    lbk__lock lock;
    lbk_pack *pack;
    char teacher_id[9]; /* first digits of the hash */
    bool by_paths;      /* begun when names told models that training starts from by their path alone */
    char *teacher;      /* its run folder */
    char *start, start_hash[LBK__HASH_SIZE]; /* the model.init_from that was looked at last; its weights */
    lbk__cell *cells;
    size_t num_cells, capacity;
    int *chosen; /* [students × methods] the point that dev chose */
    char metric[32];
    char *dev_split; /* of the first student */
    bool planning;   /* before the teacher is there that students may start from */
} lbk__study;

/* ---- plan.c: which runs there are ---- */

/* Points of the grid that the method tells apart; ≥ 1. */
int lbk__study_num_points(const lbk__study *study, int method);
/* "key=value" of each key of the grid at a point; NULL ends the list. */
typedef struct lbk__point {
    char *settings[LBK__MAX_CONFIG_KEYS + 1];
} lbk__point;
lbk_status lbk__study_point(lbk_context *context, const lbk__study *study, int method, int point,
                            lbk__point *out);
void lbk__study_point_free(lbk_context *context, lbk__point *point);

/* The configuration of a teacher that is trained. Its folder follows from it, or from the given teacher. */
lbk_status lbk__study_teacher_config(const lbk__study *study, lbk_config **out);
lbk_status lbk__study_name_teacher(lbk__study *study);
/* The cache that a student learns from; with 0 folds, the teacher's own. Free with lbk_free. */
lbk_status lbk__study_cache(lbk_context *context, const lbk__study *study, int folds, char **out);
/* The file that keeps what was found when it was made. */
lbk_status lbk__study_probe_summary(lbk_context *context, const lbk__study *study, int folds, char **out);
/* A cell's configuration, in the context given. */
lbk_status lbk__study_cell_config(lbk_context *context, const lbk__study *study, const lbk__cell *cell,
                                  lbk_config **out);
/* Adds the cell unless it is there. */
lbk_status lbk__study_add_cell(lbk__study *study, int student, int method, int point, int64_t seed);

/* ---- check.c ---- */

/* What any run of the recipe would refuse is said before the teacher's long training: every configuration is
 * made and held against the pack; fills `metric` and `dev_split`. */
lbk_status lbk__study_check(lbk__study *study);

/* ---- given_teacher.c ---- */

/* Into the study's folder. A teacher of several labels without thresholds gets those with the best F1 on the
 * dev split. */
lbk_status lbk__study_copy_teacher(const lbk__study *study);

/* ---- runs.c: what is missing is run ---- */

lbk_status lbk__study_run_teacher(lbk__study *study);
lbk_status lbk__study_probe(lbk__study *study);
/* All cells that are not done, side by side; fills `best` and `diverged`. */
lbk_status lbk__study_run_cells(lbk__study *study);
/* Predictions on the test split of the teacher and of the chosen cells, each made once. */
lbk_status lbk__study_test(lbk__study *study);
/* Size and speed of the teacher and of each student, measured while nothing else runs: an array of objects,
 * the teacher first. */
lbk_status lbk__study_time(lbk__study *study, json_t **out);

/* ---- choose.c ---- */

/* The point with the best mean over the tuning seeds, for each student and method; the first of equals. A
 * point with a run that diverged is out. LBK_NUMERIC when all of a method's did. */
lbk_status lbk__study_choose(lbk__study *study);
bool lbk__study_is_chosen(const lbk__study *study, const lbk__cell *cell);

/* ---- record.c ---- */

/* Writes study.json. Takes `models` over. */
lbk_status lbk__study_record(const lbk__study *study, json_t *models);

/* ---- report.c ---- */

/* lbk_report without its lock, which a study holds already. */
lbk_status lbk__study_report(lbk_context *context, const lbk_report_options *options, char **summary);

/* ---- files ---- */

/* folder/a or folder/a/b. */
lbk_status lbk__study_path(lbk_context *context, const char *folder, const char *a, const char *b,
                           char **out);
/* "kd-seed1-1a2b3c4d" of "cells/kd-seed1-1a2b3c4d". */
const char *lbk__study_cell_name(const lbk__cell *cell);

#endif
