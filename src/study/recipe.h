/* recipe.h: what a study compares, as its user wrote it: docs/study.md explains every key. */
#ifndef LBK_STUDY_RECIPE_H
#define LBK_STUDY_RECIPE_H

#include "train/config.h"

/* Texts and lists as they stand in the file; NULL or 0 where nothing does. */
typedef struct lbk__recipe_model {
    char *name, *config; /* of a student; a configuration's file */
    char **set;          /* "key=value" after it */
    char **from_teacher; /* layers of the teacher that the student starts from */
    char *folds_text;
    uint32_t num_set, num_from_teacher;
    int folds; /* ≥ 2: the student learns from the logits of teachers that did not see the sample; 0 */
} lbk__recipe_model;

typedef struct lbk__recipe_method {
    const char *name; /* "alone", "kd", "msd-instance", … */
    lbk__method method;
    lbk__weighting weighting;
} lbk__recipe_method;

/* A key whose value is chosen on dev. */
typedef struct lbk__recipe_axis {
    size_t key; /* of lbk__config_keys */
    char **values;
    uint32_t num_values;
} lbk__recipe_axis;

enum { LBK__MAX_METHODS = 16, LBK__MAX_SEEDS = 100 };

typedef struct lbk__recipe {
    const char *name, *pack, *images, *test_split;
    const lbk__recipe_model *teacher, *students; /* teacher: NULL: none is trained */
    int num_students;
    lbk__recipe_method methods[LBK__MAX_METHODS];
    int num_methods;
    lbk__recipe_axis axes[LBK__MAX_CONFIG_KEYS];
    int num_axes;
    int64_t seeds[LBK__MAX_SEEDS], tuning_seeds[LBK__MAX_SEEDS];
    int num_seeds, num_tuning_seeds;
    char *folder;              /* of the file: what its relative paths start from; "" where it is here */
    char *yaml;                /* the file, as it is */
    struct recipe_yaml *texts; /* owns what the pointers above point to */
} lbk__recipe;

/* Reads and checks. LBK_INVALID_ARGUMENT names the key. */
lbk_status lbk__recipe_open(lbk_context *context, const char *path, lbk__recipe *out);
void lbk__recipe_close(lbk_context *context, lbk__recipe *recipe); /* zeroed is allowed */

/* "train.epochs" */
void lbk__recipe_key_name(size_t key, char out[64]);
/* Whether runs of the method depend on the key: what a method does not read is not chosen for it. */
bool lbk__recipe_reads(const lbk__recipe_method *method, size_t key);

#endif
