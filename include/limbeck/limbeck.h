/* limbeck.h: knowledge distillation of vision-and-language transformers.
 *
 * This header is the manual of the library. Conventions that hold everywhere:
 *
 *   - Every function that can fail returns lbk_status; LBK_OK is 0. On failure the context keeps a sentence
 *     that says what was wrong, where, and what to do: lbk_error(context).
 *   - A context and everything made from it belong to one thread at a time. Contexts do not share anything.
 *   - The library never prints, exits or installs handlers: log, progress and interruption are callbacks.
 *   - What a call changes of its thread (errno, locale, number of OpenMP threads) is what it was when it
 *     returns. Numbers in texts and files have a point in every locale.
 *   - Strings are UTF-8. Paths are relative to the working directory unless a field says otherwise.
 *   - Files appear whole or not at all. Whatever is written, one process writes: LBK_BUSY while another does.
 *     A pack, a cache, features and an ONNX file are written over files of their kind and empty ones only,
 *     LBK_INVALID_ARGUMENT for others: never over what they are made from.
 *   - Strings that a function returns through `char **` are freed with lbk_free(context, pointer).
 *   - Functions that return an object (`lbk_thing **out`) set *out to NULL when they fail.
 *   - Equation numbers (1) … (12) are those of docs/method.md.
 */
#ifndef LIMBECK_LIMBECK_H
#define LIMBECK_LIMBECK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LBK_VERSION_MAJOR 0
#define LBK_VERSION_MINOR 1
#define LBK_VERSION_PATCH 0

#define LBK_PUBLIC __attribute__((visibility("default")))

/* ---------------------------------------------------------------------------------------------- status -- */

/* Every status, once: name, exit code of the command line, and what kind of trouble it is. */
#define LBK_STATUS_LIST(X)                                                      \
    X(LBK_OK, 0, "success")                                                     \
    X(LBK_INVALID_ARGUMENT, 2, "an argument or a configuration value is wrong") \
    X(LBK_BAD_DATA, 3, "a file's content is wrong")                             \
    X(LBK_MISMATCH, 4, "files that do not belong together")                     \
    X(LBK_IO, 5, "the operating system refused to read or write")               \
    X(LBK_NO_MEMORY, 6, "out of memory, or over the memory limit that was set") \
    X(LBK_NUMERIC, 7, "numbers that are not finite")                            \
    X(LBK_BUSY, 8, "another process is working there")                          \
    X(LBK_INTERRUPTED, 130, "stopped on request, state saved")                  \
    X(LBK_INTERNAL, 70, "a fault in limbeck itself")

typedef enum lbk_status {
#define LBK_STATUS_ENUM(name, exit_code, text) name,
    LBK_STATUS_LIST(LBK_STATUS_ENUM)
#undef LBK_STATUS_ENUM
} lbk_status;

/* The name ("LBK_BAD_DATA"), the sentence and the process exit code of a status. Never NULL. */
LBK_PUBLIC const char *lbk_status_name(lbk_status status);
LBK_PUBLIC const char *lbk_status_text(lbk_status status);
LBK_PUBLIC int lbk_status_exit_code(lbk_status status);

/* --------------------------------------------------------------------------------------------- context -- */

typedef struct lbk_context lbk_context;

typedef enum lbk_log_level { LBK_LOG_DEBUG, LBK_LOG_INFO, LBK_LOG_WARNING } lbk_log_level;

/* How far a long call has come. `total` is 0 when it is not known. `note` is a short text such as
 * "loss 0.512  dev accuracy 0.61", or "", valid during the call only. */
typedef struct lbk_progress {
    const char *stage; /* "pack", "train", "probe", … */
    const char *unit;  /* "samples", "steps", … */
    uint64_t done, total;
    const char *note;
} lbk_progress;

/* All fields may be 0: then malloc/realloc/free are used, nothing is logged, nothing interrupts, and the
 * number of threads is that of the OpenMP runtime. */
typedef struct lbk_context_options {
    /* As realloc; size 0 frees and returns NULL. May return NULL for "no memory". */
    void *(*allocate)(void *user, void *pointer, size_t size);
    void (*log)(void *user, lbk_log_level level, const char *line);
    void (*progress)(void *user, const lbk_progress *progress);
    /* Asked between steps: non-zero makes a long call save its state and return LBK_INTERRUPTED. */
    int (*interrupted)(void *user);
    void *user;
    int num_threads; /* in a child that was forked without exec: 1, since OpenMP's threads are not in it */
    /* Paths that files of data or of models name stay inside their folder: neither absolute nor with "..",
     * and no link leads out. Not 0: they may. Paths that the caller gives may always be any. */
    int allow_outside;
} lbk_context_options;

/* `options` may be NULL. Fails with LBK_NO_MEMORY or LBK_INVALID_ARGUMENT (num_threads is
 * not from 0 to 4096). */
LBK_PUBLIC lbk_status lbk_context_create(const lbk_context_options *options, lbk_context **out);
/* Everything made from the context must be closed before. NULL is allowed. */
LBK_PUBLIC void lbk_context_destroy(lbk_context *context);
/* The sentence of the last failure, that of a record which was passed over too; "" when nothing failed yet.
 * Valid until the next call with the context. */
LBK_PUBLIC const char *lbk_error(const lbk_context *context);
LBK_PUBLIC void lbk_free(lbk_context *context, void *pointer);

/* ------------------------------------------------------------------------------------------- tokenizer -- */

/* BERT's normalisation and WordPiece, ids as Hugging Face's BertTokenizer gives them. As there, the names of
 * special tokens in a text ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", in capitals) are those tokens, not
 * words. */
typedef struct lbk_tokenizer lbk_tokenizer;

/* `vocab` is a vocab.txt: one token a line, its line number from 0 is its id, of equal lines the last counts;
 * [PAD] [UNK] [CLS] [SEP] must be in it. `cased` 0 lower-cases and strips accents. LBK_IO, LBK_BAD_DATA
 * (names the line or what is missing). */
LBK_PUBLIC lbk_status lbk_tokenizer_open(lbk_context *context, const char *vocab, int cased,
                                         lbk_tokenizer **out);
LBK_PUBLIC void lbk_tokenizer_close(lbk_tokenizer *tokenizer);
/* Lines of vocab.txt. */
LBK_PUBLIC int32_t lbk_tokenizer_vocab_size(const lbk_tokenizer *tokenizer);
/* Ids with [CLS] first and [SEP] last. Longer than `max_tokens` (≥ 2, both included; 0: no limit): the first
 * max_tokens − 2 word pieces are kept. `ids` is grown as needed through the context's allocator (start from
 * NULL, *capacity 0); free it with lbk_free. LBK_BAD_DATA for invalid UTF-8 (names the byte, from 0). */
LBK_PUBLIC lbk_status lbk_tokenizer_encode(lbk_tokenizer *tokenizer, const char *text, size_t length,
                                           int32_t max_tokens, int32_t **ids, size_t *capacity,
                                           size_t *count);

/* ------------------------------------------------------------------------------------ image encoder ---- */

/* A frozen EfficientNet-Lite that turns a picture into rows of features, one for each of grid × grid regions:
 * the picture is resized to image_size squared; neighbouring regions share one cell of the network's map. */
typedef struct lbk_encoder_options {
    const char *name;       /* "efficientnet-lite0" … "efficientnet-lite4" */
    const char *weights;    /* its state dict, names as in efficientnet-pytorch: .pth or .safetensors */
    const char *projection; /* HDF5 with mean [1280], components [out, 1280], scale; NULL: rows of 1280 */
    int32_t image_size;     /* 0: the published one: 224, 240, 260, 280, 300 */
    int32_t grid;           /* regions a side; 0: 3 */
} lbk_encoder_options;

typedef struct lbk_features_options {
    const char *path; /* folder of pictures; those in its subfolders, too */
    lbk_encoder_options encoder;
    int skip_bad; /* report a picture that cannot be read, go on, and count; else the first one fails */
} lbk_features_options;

/* Features of every JPEG, PNG, WebP, GIF and TIFF file in a folder, known by their names' endings, into an
 * HDF5 file that lbk_pack_build reads with LBK_VISUAL_HDF5: `image` [N] (paths in the folder, sorted),
 * `features` float16 [N, grid², D], `boxes` [grid², 4], and as attributes what made them. Memory does not
 * grow with the number of pictures but for their paths. A run that was stopped or killed goes on where it was
 * when it is started again (it keeps `out`.part), and ends with the same bytes. LBK_BUSY while another run
 * writes `out`. `summary` (may be NULL): JSON {"features", "images", "skipped", "rows", "dim", "extractor",
 * "weights_sha256", …}. */
LBK_PUBLIC lbk_status lbk_features_build(lbk_context *context, const lbk_features_options *options,
                                         const char *out, char **summary);

/* -------------------------------------------------------------------------------------------- pack ------ */

/* A pack is one memory-mapped safetensors file: tokenised texts, visual rows (each image once), labels,
 * splits. */
typedef struct lbk_pack lbk_pack;

typedef enum lbk_source {
    LBK_SOURCE_JSONL,  /* limbeck's JSON lines: {"id","text","image","label"|"labels"|"scores","split"} */
    LBK_SOURCE_MMIMDB, /* folder with split.json, dataset/ID.json, the image beside it; or the HDF5 file */
    LBK_SOURCE_OPENCLIPART, /* folder of the unpacked Debian package openclipart-svg */
    LBK_SOURCE_SNLI_VE,     /* folder with snli_ve_{train,dev,test}.jsonl, flickr30k_images/ */
    LBK_SOURCE_VQA_V2, /* folder with v2_OpenEnded_mscoco_*_questions.json, v2_mscoco_*_annotations.json */
    LBK_SOURCE_HATEFUL_MEMES, /* folder with train.jsonl, {dev,test}_{seen,unseen}.jsonl, img/ */
    LBK_SOURCE_EASY_VQA,      /* folder with {train,test}/questions.json, {train,test}/images/ */
    LBK_SOURCE_APPSTREAM      /* folder with components.yml.gz, icons/: a distribution's applications */
} lbk_source;

typedef enum lbk_visual {
    LBK_VISUAL_NONE,    /* texts only */
    LBK_VISUAL_PATCHES, /* ViLT-style: the decoded image resized and cut into patch_size × patch_size × 3 rows
                         */
    LBK_VISUAL_HDF5,    /* region features: `image` [N], `features` [N,V,D]; `boxes` are not read */
    LBK_VISUAL_NPY, /* region features: a folder with one .npy an image, [regions, D], regions as many as it
                       has */
    LBK_VISUAL_TSV, /* region features: the table of bottom-up-attention */
    LBK_VISUAL_ENCODER /* region features that a frozen image encoder makes of the decoded images */
} lbk_visual;

typedef enum lbk_label_kind { LBK_LABEL_SINGLE, LBK_LABEL_MULTI, LBK_LABEL_SOFT } lbk_label_kind;

typedef struct lbk_pack_options {
    lbk_source source;
    const char *path;       /* the JSON-lines file or the folder */
    const char *image_root; /* what image paths are relative to; NULL: the folder of `path` */
    const char *vocab;      /* vocab.txt */
    int cased;
    int32_t max_text_tokens; /* [CLS] and [SEP] included, at least 3; 0: 128 */
    lbk_visual visual;
    int32_t image_size, patch_size; /* patches: side in pixels; 0: 128 and 32; image_size % patch_size == 0 */
    const char *features;           /* the file or folder of region features */
    lbk_encoder_options encoder;    /* for LBK_VISUAL_ENCODER */
    lbk_label_kind
        label_kind; /* JSON lines: "label" is single, "labels" multi, "scores" {class: 0..1} soft */
    const char *const *classes; /* NULL: those that occur in the data, sorted; else exactly these are legal */
    size_t num_classes;
    int skip_bad; /* report a bad record, go on, and count; else the first one fails */
    int no_caps;  /* Open Clip Art: a class keeps more than 400 labelled drawings; a title still 12 at most */
} lbk_pack_options;

/* Writes `out` (appears whole or not at all). `summary` (may be NULL): JSON with counts, labels, lengths,
 * skipped. */
LBK_PUBLIC lbk_status lbk_pack_build(lbk_context *context, const lbk_pack_options *options, const char *out,
                                     char **summary);
LBK_PUBLIC lbk_status lbk_pack_open(lbk_context *context, const char *path, lbk_pack **out);
LBK_PUBLIC void lbk_pack_close(lbk_pack *pack);
/* Reads everything and compares with the hash kept in the file: LBK_BAD_DATA when it is damaged. */
LBK_PUBLIC lbk_status lbk_pack_verify(lbk_pack *pack);
LBK_PUBLIC int64_t lbk_pack_num_samples(const lbk_pack *pack);
LBK_PUBLIC int64_t lbk_pack_num_images(const lbk_pack *pack);
LBK_PUBLIC int32_t lbk_pack_num_classes(const lbk_pack *pack);
/* NULL: there is no such class. */
LBK_PUBLIC const char *lbk_pack_class_name(const lbk_pack *pack, int32_t index);
LBK_PUBLIC lbk_label_kind lbk_pack_label_kind(const lbk_pack *pack);
LBK_PUBLIC int32_t lbk_pack_visual_dim(const lbk_pack *pack); /* 0 without visual rows */
/* SHA-256 of its content, hexadecimal: its identity in everything made from it. */
LBK_PUBLIC const char *lbk_pack_hash(const lbk_pack *pack);

/* One sample; pointers into the pack, valid while it is open. */
typedef struct lbk_sample {
    const char *id, *text; /* not 0-terminated */
    size_t id_length, text_length;
    const int32_t *tokens; /* [CLS] … [SEP] */
    int32_t num_tokens;
    const uint16_t *visual; /* float16 [num_rows, visual_dim]; NULL without an image */
    int32_t num_rows;
    int64_t image; /* index of the image, −1 without */
    const char *split;
    int labelled;
    const int32_t *classes; /* single: one; multi: those that are true; soft: those with a score */
    const float *scores;    /* parallel to classes, in [0, 1] */
    int32_t num_labels;
} lbk_sample;

/* LBK_INVALID_ARGUMENT when out of range. */
LBK_PUBLIC lbk_status lbk_pack_sample(const lbk_pack *pack, int64_t index, lbk_sample *out);

/* -------------------------------------------------------------------------------------- configuration -- */

/* What a run does: a YAML file (docs/configuration.md lists every key), then overrides. */
typedef struct lbk_config lbk_config;

/* `path` may be NULL (all defaults). `overrides`: "train.batch_size=32", applied in order. A key that nothing
 * reads, or a value outside its range, is LBK_INVALID_ARGUMENT and the sentence names the key and the nearest
 * one. */
LBK_PUBLIC lbk_status lbk_config_load(lbk_context *context, const char *path, const char *const *overrides,
                                      size_t num_overrides, lbk_config **out);
LBK_PUBLIC void lbk_config_close(lbk_config *config);
/* The configuration as resolved, as YAML. */
LBK_PUBLIC lbk_status lbk_config_text(const lbk_config *config, char **out);

/* ------------------------------------------------------------------------- train, probe, distill, eval -- */

/* Trains a model on labels, loss (3). The data are those of the configuration's key `pack` (override
 * "pack=FILE"); the configuration is one of this context's. `out` becomes a run folder: config.yaml,
 * metrics.jsonl, TensorBoard events, checkpoint/, best/ (a Hugging Face folder: the best model on dev),
 * log.txt. `resume` goes on from checkpoint/ and ends with the bytes of an uninterrupted run; without it a
 * folder that has a run or a model is LBK_INVALID_ARGUMENT. LBK_INTERRUPTED when the context's callback
 * asked: state is saved. `summary` (may be NULL): JSON {"model": where the best one is, "method", "metric",
 * "best": its value on dev, "best_step", "steps", "epochs", "stopped_early", "skipped_steps", "num_samples"
 * that taught, "samples_per_s"}, the last unless all was done before. */
LBK_PUBLIC lbk_status lbk_train(lbk_context *context, const lbk_config *config, const char *out, int resume,
                                char **summary);

typedef struct lbk_probe_options {
    const char *teacher; /* model folder or run folder */
    const char *pack;
    const char *out;       /* the cache file */
    int32_t batch_size;    /* 0: 32 */
    int force;             /* probe again although a cache is there, this one's or another's */
    const char *precision; /* of matrix products: "fp32" (NULL), "bf16", "auto" */
    int folds;             /* ≥ 2: out of fold, see below; 0: not. At most LBK_MAX_FOLDS */
} lbk_probe_options;

enum { LBK_MAX_FOLDS = 100 };

/* The teacher's logits under the joint, text and image views for every sample of the pack, and the saliencies
 * (6) in all four kinds. A cache that is there and matches is left as it is; another's is LBK_MISMATCH,
 * unless `force`. `summary` (may be NULL): JSON with the teacher's metrics, "splits": {"train": {"joint":
 * {…}, …}, …}, and the mean saliency of each modality, overall and by class: "saliency": {"kl": {"text",
 * "image"}, …, "num_samples"}, "saliency_by_class": {CLASS: …} (means of no sample are null; "label" has a
 * "num_samples" of its own, of the labelled); "memorised" (also logged as a warning): under the joint view
 * its error on "train_split" is less than half, and its mean entropy less than two thirds, of those on
 * "dev_split", which are those that a run folder's configuration names, else train and dev.
 *
 * `folds` K: the logits of each labelled training sample come from one of K other teachers, trained as the
 * run folder `teacher` was, on labels, but without that sample's fold, in OUT.folds/; all other samples'
 * from `teacher`.
 * Goes on where an interrupted call stopped. */
LBK_PUBLIC lbk_status lbk_probe(lbk_context *context, const lbk_probe_options *options, char **summary);

/* Trains a student by (3), (4) or (5) from a cache made by lbk_probe; data, run folder, resume and summary as
 * lbk_train. The configuration names the method, the weighting, alpha, temperature, rho and the saliency.
 * With learned weights (11), (12) the run folder also has meta_split.json, the ids of the samples they are
 * judged by, and weight_network.safetensors, the summary "meta_samples" and "skipped_meta_steps". `cache` may
 * be NULL only with method `alone`; LBK_MISMATCH when it was made from another pack. It may also be a file of
 * a teacher's own logits, made by any model (docs/teacher-logits.md), which becomes teacher.cache in the run
 * folder; with the joint view alone it serves method kd. */
LBK_PUBLIC lbk_status lbk_distill(lbk_context *context, const lbk_config *config, const char *cache,
                                  const char *out, int resume, char **summary);

typedef struct lbk_evaluate_options {
    const char *model; /* model folder or run folder */
    const char *pack;
    const char *split;     /* NULL: "test" */
    const char *cache;     /* teacher cache for the KL(teacher ‖ student); NULL: none */
    const char *teacher;   /* model folder to show beside; NULL: none */
    int32_t batch_size;    /* 0: 32 */
    int timing;            /* also measure latency at batch 1 and throughput */
    const char *precision; /* "fp32" (NULL), "bf16", "int8", "auto"; what is narrow is shown beside float32 */
} lbk_evaluate_options;

/* `report`: JSON {"models": {"model": {"path", "precision", "parameters", "file_bytes", "latency_ms",
 * "samples_per_s"}, "fp32": … beside a narrow precision, "teacher": …}, "views": {"joint": {"model":
 * {"accuracy", "auroc", "f1_micro", …, "ece", "kl"}, "teacher": …}, "text": …, "image": …}}; metrics that do
 * not apply or are not defined are left out. */
LBK_PUBLIC lbk_status lbk_evaluate(lbk_context *context, const lbk_evaluate_options *options, char **report);

/* ------------------------------------------------------------------------------------- study, report --- */

typedef struct lbk_study_options {
    const char *recipe; /* YAML: what to compare (docs/study.md lists every key) */
    const char *out;    /* the study's folder */
    const char *pack;   /* in place of the recipe's; NULL: the recipe's */
    const char *init;   /* in place of the teacher's model.init_from; NULL: as its configuration says */
    const char *images; /* in place of the recipe's; NULL: the recipe's */
    /* A trained model, which is copied and taken for the teacher in place of the recipe's, which may then
     * have none; NULL: the recipe's is trained. Not with `init`, nor with students that learn out of fold:
     * folds train teachers. */
    const char *teacher;
} lbk_study_options;

/* Teacher, cache, students by every method with every seed, hyper-parameters chosen on dev, each chosen
 * student once on test, statistics, report. What is done already is kept, so the same call goes on wherever
 * an earlier one ended, killed or interrupted (LBK_INTERRUPTED: the runs at hand are saved), and ends with
 * the same tables. As many runs side by side as the context has threads, one thread each; the context's
 * callbacks are called from other threads, by one at a time. LBK_BUSY while another process works in the
 * folder. `summary` (may be NULL): as lbk_report. */
LBK_PUBLIC lbk_status lbk_study(lbk_context *context, const lbk_study_options *options, char **summary);

typedef struct lbk_report_options {
    const char *study;  /* the folder of lbk_study */
    const char *pack;   /* where the study's pack is now; NULL: where it was when the study was run */
    const char *images; /* where the images are now; NULL: where they were */
} lbk_report_options;

/* Computes and writes results.json, tables as CSV (docs/study.md lists them) and report.html of a finished
 * study anew, by as many threads as the context has; callbacks as in lbk_study. Plots need the program
 * gnuplot; without it the page has its tables only. `summary` (may be NULL): JSON {"study", "metric",
 * "split", "report", "scores": {ROW: {"joint", "text", "image", …}}, "note"}, with "warnings", sentences,
 * where test samples taught or chose the students. LBK_MISMATCH for another pack than the study's. */
LBK_PUBLIC lbk_status lbk_report(lbk_context *context, const lbk_report_options *options, char **summary);

/* ------------------------------------------------------------------------------------ model, predict --- */

typedef struct lbk_model lbk_model;
typedef enum lbk_view { LBK_VIEW_JOINT, LBK_VIEW_TEXT, LBK_VIEW_IMAGE, LBK_NUM_VIEWS } lbk_view;

/* A Hugging Face folder (config.json, model.safetensors, vocab.txt) or a run folder, whose best/ is taken.
 * The file of weights stays mapped while the model is open: replace it by another (rename), never change it.
 */
LBK_PUBLIC lbk_status lbk_model_open(lbk_context *context, const char *folder, lbk_model **out);
LBK_PUBLIC void lbk_model_close(lbk_model *model);
LBK_PUBLIC int32_t lbk_model_num_classes(const lbk_model *model);
/* NULL: there is no such class, or the model's config.json names none. */
LBK_PUBLIC const char *lbk_model_class_name(const lbk_model *model, int32_t index);
LBK_PUBLIC lbk_label_kind lbk_model_label_kind(const lbk_model *model);
LBK_PUBLIC int64_t lbk_model_num_parameters(const lbk_model *model);
LBK_PUBLIC int32_t lbk_model_hidden_size(const lbk_model *model);
LBK_PUBLIC int32_t lbk_model_visual_dim(const lbk_model *model); /* 0: it reads no visual rows */
/* Multi-label: the probability from which on the class is one of an input's labels. NaN: there is no such
 * class, or the model is of another label kind, where the likeliest is the label. */
LBK_PUBLIC float lbk_model_threshold(const lbk_model *model, int32_t index);
/* How matrix products are computed from now on: "fp32" (as opened), "bf16", "int8" (weights rounded per
 * output, activations per token), "auto": bfloat16 where the processor multiplies it. */
LBK_PUBLIC lbk_status lbk_model_set_precision(lbk_model *model, const char *precision);

/* Where images of inputs are found: paths start from `root` (NULL: the working directory). For models whose
 * visual rows are region features, `features` is the HDF5 file that has them, by the names that inputs give;
 * else NULL. LBK_MISMATCH when the file's rows are not the model's. */
LBK_PUBLIC lbk_status lbk_model_set_images(lbk_model *model, const char *root, const char *features);
/* The same for models whose visual rows an image encoder made: the files of its weights and of its projection
 * (NULL: there was none), from which it is made again. LBK_MISMATCH unless they are the very same files. */
LBK_PUBLIC lbk_status lbk_model_set_encoder(lbk_model *model, const char *root, const char *weights,
                                            const char *projection);

typedef struct lbk_input {
    const char *text;    /* NULL: "" */
    const char *image;   /* path of a picture, or name of an image in the file of features; NULL: none */
    const float *visual; /* or the rows themselves, [num_rows, lbk_model_visual_dim]; NULL: none */
    int32_t num_rows;
} lbk_input;

/* `logits` and `probabilities` (each may be NULL): [LBK_NUM_VIEWS, num_classes]; probabilities are the
 * softmax of single labels, else each class's sigmoid. A view whose content is missing equals [CLS] [SEP]
 * alone. LBK_BAD_DATA for a text that is no UTF-8, a picture that cannot be decoded, a model whose classifier
 * was initialised by lbk_import, a name that the file of features does not have; LBK_IO for a picture that is
 * not there; LBK_MISMATCH for an image that the model cannot read; LBK_INVALID_ARGUMENT for one whose rows
 * nothing was set to make; LBK_NUMERIC for rows that float16 cannot hold and for logits that are not finite.
 */
LBK_PUBLIC lbk_status lbk_model_predict(lbk_model *model, const lbk_input *input, float *logits,
                                        float *probabilities);

/* The same in words, JSON: under each view the "label" (multi-label: "labels", a list of those that reach
 * their thresholds) and the `top` ≥ 0 likeliest classes (0: all); each modality's saliency (6) for this
 * input, KL, in nats; a sentence about it:
 * {"joint": {"label": "food", "probabilities": {"food": 0.93, …}}, "text": {…}, "image": {…},
 *  "saliency": {"text": 0.05, "image": 0.71}, "sentence": "the image decides: 0.71 nats; the text: 0.05"} */
LBK_PUBLIC lbk_status lbk_model_answer(lbk_model *model, const lbk_input *input, int32_t top, char **out);

/* Gets a line without its newline; what is not 0 ends the stream with LBK_IO. */
typedef int lbk_line_sink(void *user, const char *line);

/* Answers a stream of JSON lines {"id": any JSON (whole numbers of 64 bits with sign), "text": …, "image":
 * …}, each of the three optional but not both of the last two, from a file or pipe ("-": standard input). For
 * each record one line, in order: its "id" and what lbk_model_answer says, or {"error": sentence, "status":
 * its name}, after which the stream goes on. Records that are at hand share a batch; one that comes alone is
 * answered before the next is waited for. Memory does not grow with the stream. A line that is no JSON is
 * answered without an id. `num_failed` may be NULL. */
LBK_PUBLIC lbk_status lbk_model_answer_lines(lbk_model *model, const char *path, int32_t top,
                                             lbk_line_sink *sink, void *user, int64_t *num_failed);

/* The text as one vector, out [lbk_model_hidden_size]: the mean of the encoder's last hidden states over its
 * tokens, as sentence-transformers pools them. For imported sentence encoders. */
LBK_PUBLIC lbk_status lbk_model_embed(lbk_model *model, const char *text, float *out);

/* -------------------------------------------------------------------------------------- import, export -- */

/* Makes a model folder `out`, which is new or empty, from a Hugging Face folder: a BERT-like encoder (BERT,
 * MiniLM, TinyBERT, DistilBERT) or a VisualBERT (pretraining or any head), from model.safetensors,
 * pytorch_model.bin in either of torch's containers, or several such files with an index. The encoder must be
 * there whole: LBK_BAD_DATA names a missing tensor, LBK_MISMATCH a misshapen one. What the source has no
 * weights for starts at random as in training: a text encoder's visual embeddings; the classifier, unless the
 * source's head is one linear layer over the pooled [CLS] or, as VisualBertForQuestionAnswering's, over the
 * last word. `summary` (may be NULL): JSON {"source", "architecture", "head": a sentence about it, "weights",
 * "vocabulary", "parameters", "taken": {our name: its name}, "left": [its names], "initialised": [our
 * names]}. A model whose classifier was initialised answers nothing until another was trained from it
 * (LBK_BAD_DATA), but embeds. A pickle is interpreted by an allow-list, never run. */
LBK_PUBLIC lbk_status lbk_import(lbk_context *context, const char *source, const char *out, char **summary);

typedef enum lbk_export_format {
    LBK_EXPORT_HF,  /* a folder that transformers opens: weights, config.json with labels, tokenizer files */
    LBK_EXPORT_ONNX /* one file, opset 17; docs/models.md describes inputs, output and metadata */
} lbk_export_format;

typedef struct lbk_export_options {
    const char *model; /* model or run folder */
    const char *out;   /* a new or empty folder, or the ONNX file */
    lbk_export_format format;
    int half; /* weights as float16 */
} lbk_export_options;

/* `summary` (may be NULL): JSON {"out", "format", "dtype", "parameters", "classes"}. LBK_NUMERIC for a weight
 * that float16 cannot hold. */
LBK_PUBLIC lbk_status lbk_export(lbk_context *context, const lbk_export_options *options, char **summary);

/* ------------------------------------------------------------------------------------------------ info -- */

/* Explains any file or folder of limbeck's: what it is, counts, label distribution, lengths, hashes, what
 * made it. `out`: JSON. LBK_BAD_DATA for a file that is none of ours. */
LBK_PUBLIC lbk_status lbk_info(lbk_context *context, const char *path, char **out);

/* ----------------------------------------------------------------------------------------------- bench -- */

/* Synthetic work as a training or serving step sees it: a VisualBERT of a named size, texts of uniform
 * length. There are no defaults but those of 0 and NULL that are named here (the program's are told by
 * `limbeck bench --help`): what is out of its range is LBK_INVALID_ARGUMENT. */
typedef struct lbk_bench_options {
    const char *work;          /* "kd", "msd", "meta", "probe", "infer" */
    const char *size;          /* mini (2×128), small (4×192), tiny312 (4×312), minilm6, minilm12, base */
    int32_t batch;             /* samples a step, 1 to 65536 */
    int32_t shortest, longest; /* texts in tokens, 2 ≤ shortest ≤ longest ≤ 512 */
    int32_t regions;           /* visual rows a sample, 0 to 4096 */
    int32_t visual_dim;        /* numbers a visual row, 1 to 65536 */
    int32_t classes;           /* 1 to 2²⁰ */
    int32_t steps, warmup;     /* that are timed, 1 to 2²⁴; before them, 0 to 2²⁴ */
    float dropout;             /* of training steps, in [0, 1) */
    const char *precision;     /* "fp32" (NULL), "bf16", "auto"; "probe" and "infer" also "int8" */
    int profile;               /* also where the time goes, by op and part of the step */
    /* In place of the size's own; 0: those. At most 1000 layers; hidden is a multiple of 32 up to 65536:
     * heads of 32, 4 · hidden inside. */
    int32_t layers, hidden;
} lbk_bench_options;

/* `out`: JSON {"work", "variant", "size", "batch", "samples_per_s", "ms_per_step", "peak_mib"}. ms_per_step
 * is the median of the timed steps, and where the optimizer puts work off, a step's share of it added;
 * samples_per_s is the batch by that time. peak_mib is the most memory that the whole process has had
 * resident since it began (ru_maxrss), the caller's own included. With `profile` also "profile":
 * {"peak_gflops", "reached_gflops", "memory_gb_s", "step", "ops"} and with "meta" "look_ahead_ops", means of
 * the timed steps; the peak is that of a large product in the precision, memory's rate that of y += a·x, and
 * reached are a step's products by its time. */
LBK_PUBLIC lbk_status lbk_bench(lbk_context *context, const lbk_bench_options *options, char **out);

#ifdef __cplusplus
}
#endif
#endif
