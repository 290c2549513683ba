/* weight_network_write.c: what was learned about the weights, as a file for people and other tools. Runs go
 * on from their checkpoint, not from here. */
#include "distill/weight_network.h"
#include "format/json.h"
#include "format/safetensors.h"

enum { VERSION = 1 };

static lbk_status describe(const lbk__weight_network *network, char **out) {
    const lbk__weight_network_options *o = &network->options;
    json_t *features = json_array();
    for (int32_t k = 0; k < o->num_features; k++)
        json_array_append_new(features, json_string(lbk__feature_names[o->features[k]]));
    json_t *root = json_pack("{s:s, s:i, s:s, s:o, s:f}", "kind", "weight_network", "version", VERSION,
                             "activation", lbk__weight_activation_names[o->activation], "features", features,
                             "updates", *network->updates);
    lbk_status status = lbk__json_dump(network->context, root, JSON_COMPACT, out);
    json_decref(root);
    return status;
}

lbk_status lbk__weight_network_write(const lbk__weight_network *network, const char *path,
                                     const float *sample_weights, int64_t count) {
    const int64_t features = network->options.num_features, hidden = network->options.hidden_size;
    const double *w1 = network->parameters, *b1 = w1 + hidden * features, *w2 = b1 + hidden,
                 *b2 = w2 + LBK_NUM_VIEWS * hidden;
    const lbk__tensor_spec specs[] = {
        {"hidden.weight", LBK__F64, 2, {hidden, features}},
        {"hidden.bias", LBK__F64, 1, {hidden}},
        {"output.weight", LBK__F64, 2, {LBK_NUM_VIEWS, hidden}},
        {"output.bias", LBK__F64, 1, {LBK_NUM_VIEWS}},
        {"feature_mean", LBK__F64, 1, {LBK__NUM_FEATURES}},
        {"feature_variance", LBK__F64, 1, {LBK__NUM_FEATURES}},
        {"sample_weights", LBK__F32, 2, {count, LBK_NUM_VIEWS}},
    };
    const void *const data[] = {w1, b1, w2, b2, network->mean, network->variance, sample_weights};
    char *description = NULL;
    lbk__safetensors_writer *writer = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(describe(network, &description));
    const lbk__metadata metadata = {"limbeck", description};
    LBK_GO(lbk__safetensors_writer_open(network->context, path, specs, LBK_COUNT(specs), &metadata, 1,
                                        "sha256", &writer));
    for (size_t i = 0; i < LBK_COUNT(specs); i++) {
        size_t bytes = lbk__dtype_size(specs[i].dtype);
        for (int k = 0; k < specs[i].rank; k++) bytes *= (size_t)specs[i].shape[k];
        LBK_GO(lbk__safetensors_writer_put(writer, data[i], bytes));
    }
    LBK_GO(lbk__safetensors_writer_commit(writer, NULL));
done:
    lbk__safetensors_writer_close(writer);
    lbk_free(network->context, description);
    return status;
}
