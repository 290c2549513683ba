/* train.c: lbk_train and lbk_distill: one loop, without and with a teacher. */
#include "train/training.h"

#include "base/guest.h"

/* Its texts are freed by the context that made them, and its errors are that one's. */
static lbk_status check_owner(lbk_context *context, const lbk_config *config) {
    if (config->context == context) return LBK_OK;
    return lbk__fail(context, LBK_INVALID_ARGUMENT, "the configuration was loaded by another context");
}

lbk_status lbk_train(lbk_context *context, const lbk_config *config, const char *out, int resume,
                     char **summary) {
    LBK__GUEST(context);
    if (summary) *summary = NULL;
    LBK_TRY(check_owner(context, config));
    lbk__training training = {
        .context = context, .config = config, .stage = "train", .method = LBK__METHOD_ALONE};
    return lbk__training_run(&training, out, resume != 0, summary);
}

lbk_status lbk_distill(lbk_context *context, const lbk_config *config, const char *cache, const char *out,
                       int resume, char **summary) {
    LBK__GUEST(context);
    if (summary) *summary = NULL;
    LBK_TRY(check_owner(context, config));
    const lbk__method method = (lbk__method)config->distill.method;
    if (!cache && method != LBK__METHOD_ALONE)
        return lbk__fail(
            context, LBK_INVALID_ARGUMENT,
            "distill.method %s needs a teacher: give the cache that limbeck probe makes (--cache), "
            "or a file of its logits (--teacher-logits)",
            lbk__method_names[method]);
    lbk__training training = {
        .context = context, .config = config, .stage = "distill", .cache_path = cache, .method = method};
    return lbk__training_run(&training, out, resume != 0, summary);
}
