/* answering_fixture.h: small random models that answer. */
#ifndef LBK_TESTS_ANSWERING_FIXTURE_H
#define LBK_TESTS_ANSWERING_FIXTURE_H

#include "probe_fixture.h"

#include "data/pack.h"

enum { CLASSES = 3 };

static const char vocab[] = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nred\nblue\nbig\nsmall\nround\nold\n";

/* What multi-label models decide by. */
static const float thresholds[CLASSES] = {0.25f, 0.5f, 0.75f};

/* A model folder that can tokenise; `visual` says how its rows are made. */
static lbk_model *open_model(fixture *f, int32_t visual_dim, const char *visual, lbk_label_kind kind) {
    char *folder = path_in(f, "answering");
    lbk__model *model = make_model(f, CLASSES, visual_dim, 1);
    check_ok(f->context, lbk__copy_string(f->context, vocab, &model->vocab));
    model->vocab_length = strlen(vocab);
    model->max_text_tokens = 20;
    model->label_kind = kind;
    if (kind == LBK_LABEL_MULTI) {
        check_ok(f->context, LBK_ALLOC(f->context, model->thresholds, CLASSES));
        memcpy(model->thresholds, thresholds, sizeof thresholds);
    }
    if (visual) check_ok(f->context, lbk__copy_string(f->context, visual, &model->visual_source));
    check_ok(f->context, lbk__model_save(model, NULL, folder));
    lbk__model_free(model);
    lbk_model *opened;
    check_ok(f->context, lbk_model_open(f->context, folder, &opened));
    check_ok(f->context, lbk_model_set_images(opened, f->folder, NULL));
    free(folder);
    return opened;
}

static lbk_model *open_patch_model(fixture *f) {
    return open_model(f, lbk_pack_visual_dim(f->pack), lbk__pack_visual_description(f->pack),
                      LBK_LABEL_SINGLE);
}

#endif
