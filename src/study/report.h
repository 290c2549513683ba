/* report.h: from a finished study to numbers, plots and a page. results.c opens what the study left; the
 * files below it each add a part to one JSON object, the results; csv.c, plots.c and page.c show it. */
#ifndef LBK_STUDY_REPORT_H
#define LBK_STUDY_REPORT_H

#include "study/bootstrap.h"
#include "study/predictions.h"

#include <jansson.h>

/* A chosen run, with its predictions on the test split. */
typedef struct lbk__result_run {
    lbk__predictions predictions;
    lbk__metrics metrics[LBK_NUM_VIEWS];
    lbk__scorer scorers[LBK_NUM_VIEWS]; /* empty where the metric has none */
    double dev;
    char *folder; /* its run folder */
} lbk__result_run;

/* The runs of one student by one method, a seed each, in the order of the seeds. */
typedef struct lbk__result_method {
    const char *name;       /* "kd", "msd-instance", … */
    const char *kind;       /* "alone", "kd", "msd" */
    const json_t *settings; /* what dev chose: ["key=value", …] */
    lbk__result_run *runs;
    int num_runs;
} lbk__result_method;

typedef struct lbk__result_student {
    const char *name;
    int folds;
    lbk__result_method *methods;
    int num_methods, kd, picked; /* the index of kd; of the MSD scheme that is best on dev, −1 without one */
} lbk__result_student;

typedef struct lbk__results {
    lbk_context *context;
    const char *folder, *pack_path, *images; /* images: NULL: none */
    json_t *study;                           /* study.json */
    const char *metric;
    lbk_pack *pack;
    lbk__cache *cache;
    lbk__truth truth;
    lbk__result_run teacher;
    lbk__result_student *students;
    int num_students;
} lbk__results;

/* ---- results.c ---- */

lbk_status lbk__results_open(lbk_context *context, const lbk_report_options *options, lbk__results *out);
void lbk__results_close(lbk__results *results); /* zeroed but for the context is allowed */
/* LBK_IO where `images`, given by a recipe or an option, is no folder. */
lbk_status lbk__check_images(lbk_context *context, const char *images);

/* ---- parts of the results; each sets a member of `root` ---- */

lbk_status lbk__results_scores(const lbk__results *results,
                               json_t *root); /* scores.c: "teacher", "students" */
lbk_status lbk__results_saliency(const lbk__results *results, json_t *root); /* saliencies.c: "saliency" */
/* The kind that the students' weights are made from. */
lbk__saliency lbk__results_saliency_kind(const lbk__results *results);
lbk_status lbk__results_density(const lbk__results *results, json_t *root); /* densities.c: "density" */
lbk_status lbk__results_curves(const lbk__results *results, json_t *root); /* curves.c: "curves", "weights" */
lbk_status lbk__results_samples(const lbk__results *results, json_t *root); /* deciding.c: "samples" */
/* seen.c: "warnings": sentences, where test samples were known before; also logged. */
lbk_status lbk__results_seen(const lbk__results *results, json_t *root);

/* ---- showing them ---- */

/* csv.c: results.csv and the other tables, into the folder. */
lbk_status lbk__results_csv(lbk_context *context, const char *folder, const json_t *root);
/* plots.c: gnuplot's SVG by name, {"gnuplot": its version, "scores-0-joint": "<svg…", …}; an empty object
 * where there is no gnuplot. The script stays in folder/plots. */
lbk_status lbk__results_plots(lbk_context *context, const char *folder, const json_t *root, json_t **plots);
/* page.c: the page, complete in one file. */
lbk_status lbk__results_page(lbk_context *context, const json_t *root, const json_t *plots, const char *path);

#endif
