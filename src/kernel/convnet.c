/* convnet.c: convolutions as primitives of oneDNN, whose interface changed with its version 3: all that
 * depends on the version is in this file. Activations lie channels last from the first layer to the last: its
 * fast implementations take that on each instruction set, and nothing is ever rearranged. */
#include "kernel/convnet.h"

#include <dnnl.h>
#include <string.h>

#if DNNL_VERSION_MAJOR != 2
#error "written for oneDNN 2 (Debian's libdnnl-dev)"
#endif

typedef struct step {
    dnnl_primitive_desc_t plan;
    dnnl_primitive_t primitive;
    dnnl_memory_t source, weight, bias, target;
    float *weight_data, *bias_data; /* aligned */
} step;

struct lbk__convnet {
    lbk_context *context;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    size_t num_steps;
    step *steps;                               /* [num_steps] */
    float *input, *buffers[LBK__CONV_BUFFERS]; /* aligned */
    const float *output;                       /* one of the buffers */
    int32_t output_size;
};

static lbk_status check(const lbk__convnet *net, dnnl_status_t result, const char *what) {
    if (result == dnnl_success) return LBK_OK;
    if (result == dnnl_out_of_memory)
        return lbk__fail(net->context, LBK_NO_MEMORY, "out of memory for convolutions: use a smaller batch");
    return lbk__fail(net->context, LBK_INTERNAL, "oneDNN cannot %s: its status is %d", what, (int)result);
}

static lbk_status describe(const lbk__convnet *net, int rank, const dnnl_dims_t shape,
                           dnnl_format_tag_t layout, dnnl_memory_desc_t *out) {
    return check(net, dnnl_memory_desc_init_by_tag(out, rank, shape, dnnl_f32, layout), "describe memory");
}

static lbk_status memory(const lbk__convnet *net, const dnnl_memory_desc_t *description, void *data,
                         dnnl_memory_t *out) {
    return check(net, dnnl_memory_create(out, description, net->engine, data), "use memory");
}

static const dnnl_memory_desc_t *described(const step *at, dnnl_query_t what) {
    return dnnl_primitive_desc_query_md(at->plan, what, 0);
}

/* ---- planning: shapes, layouts of weights, implementations ---- */

static lbk_status describe_weight(const lbk__convnet *net, const lbk__conv *layer, dnnl_format_tag_t layout,
                                  dnnl_memory_desc_t *out) {
    const dnnl_dims_t dense = {layer->out, layer->in, layer->side, layer->side},
                      depthwise = {layer->out, 1, 1, layer->side, layer->side};
    return layer->depthwise ? describe(net, 5, depthwise, layout, out) : describe(net, 4, dense, layout, out);
}

static lbk_status append_after(const lbk__convnet *net, const lbk__conv *layer,
                               dnnl_primitive_attr_t attributes) {
    dnnl_post_ops_t after;
    lbk_status status = LBK_OK;
    LBK_TRY(check(net, dnnl_post_ops_create(&after), "make a list of operations"));
    if (layer->residual) LBK_GO(check(net, dnnl_post_ops_append_sum(after, 1.0f), "add a residual"));
    if (layer->relu6)
        LBK_GO(check(net, dnnl_post_ops_append_eltwise(after, 1.0f, dnnl_eltwise_clip, 0.0f, 6.0f),
                     "clip a convolution"));
    LBK_GO(check(net, dnnl_primitive_attr_set_post_ops(attributes, after), "set a list of operations"));
done:
    dnnl_post_ops_destroy(after);
    return status;
}

/* `size`: pixels a side of the layer's input; becomes that of its output. */
static lbk_status plan(lbk__convnet *net, const lbk__conv *layer, int32_t batch, int32_t *size, step *at) {
    const int32_t reduced = (*size + layer->stride - 1) / layer->stride,
                  padding = LBK_MAX((reduced - 1) * layer->stride + layer->side - *size, 0);
    const dnnl_dims_t strides = {layer->stride, layer->stride}, before = {padding / 2, padding / 2},
                      after = {padding - padding / 2, padding - padding / 2};
    const dnnl_dims_t source_shape = {batch, layer->in, *size, *size}, bias_shape = {layer->out},
                      target_shape = {batch, layer->out, reduced, reduced};
    dnnl_memory_desc_t source, weight, bias, target;
    dnnl_convolution_desc_t convolution;
    dnnl_primitive_attr_t attributes = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(describe(net, 4, source_shape, dnnl_nhwc, &source));
    LBK_GO(describe_weight(net, layer, dnnl_format_tag_any, &weight));
    LBK_GO(describe(net, 1, bias_shape, dnnl_x, &bias));
    LBK_GO(describe(net, 4, target_shape, dnnl_nhwc, &target));
    LBK_GO(check(net,
                 dnnl_convolution_forward_desc_init(&convolution, dnnl_forward_inference,
                                                    dnnl_convolution_direct, &source, &weight, &bias, &target,
                                                    strides, before, after),
                 "describe a convolution"));
    LBK_GO(check(net, dnnl_primitive_attr_create(&attributes), "make attributes"));
    LBK_GO(append_after(net, layer, attributes));
    LBK_GO(check(net, dnnl_primitive_desc_create(&at->plan, &convolution, attributes, net->engine, NULL),
                 "plan a convolution"));
    *size = reduced;
done:
    dnnl_primitive_attr_destroy(attributes);
    return status;
}

static lbk_status plan_all(lbk__convnet *net, const lbk__conv *layers, int32_t batch, int32_t size) {
    size_t bytes[LBK__CONV_BUFFERS] = {0};
    net->output_size = size;
    for (size_t i = 0; i < net->num_steps; i++) {
        LBK_TRY(plan(net, layers + i, batch, &net->output_size, net->steps + i));
        const size_t needed = dnnl_memory_desc_get_size(described(net->steps + i, dnnl_query_dst_md));
        bytes[layers[i].to] = LBK_MAX(bytes[layers[i].to], needed);
    }
    for (int b = 0; b < LBK__CONV_BUFFERS; b++)
        LBK_TRY(lbk__alloc_aligned(net->context, &net->buffers[b], bytes[b]));
    net->output = net->buffers[layers[net->num_steps - 1].to];
    return lbk__alloc_aligned(net->context, &net->input,
                              dnnl_memory_desc_get_size(described(net->steps, dnnl_query_src_md)));
}

/* ---- building: weights in the layouts that were planned, primitives ---- */

static lbk_status reorder(const lbk__convnet *net, const dnnl_memory_desc_t *from, dnnl_memory_t source,
                          const dnnl_memory_desc_t *to, dnnl_memory_t target) {
    dnnl_primitive_desc_t description = NULL;
    dnnl_primitive_t primitive = NULL;
    const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, source}, {DNNL_ARG_TO, target}};
    lbk_status status = LBK_OK;
    LBK_GO(check(net,
                 dnnl_reorder_primitive_desc_create(&description, from, net->engine, to, net->engine, NULL),
                 "plan a change of layout"));
    LBK_GO(check(net, dnnl_primitive_create(&primitive, description), "make a change of layout"));
    LBK_GO(check(net, dnnl_primitive_execute(primitive, net->stream, LBK_COUNT(arguments), arguments),
                 "change a layout"));
    LBK_GO(check(net, dnnl_stream_wait(net->stream), "change a layout"));
done:
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(description);
    return status;
}

static lbk_status copy_weight(lbk__convnet *net, const lbk__conv *layer, step *at) {
    const dnnl_memory_desc_t *planned = described(at, dnnl_query_weights_md);
    dnnl_memory_desc_t plain;
    dnnl_memory_t source = NULL;
    lbk_status status = LBK_OK;
    LBK_GO(lbk__alloc_aligned(net->context, &at->weight_data, dnnl_memory_desc_get_size(planned)));
    LBK_GO(memory(net, planned, at->weight_data, &at->weight));
    LBK_GO(describe_weight(net, layer, layer->depthwise ? dnnl_goihw : dnnl_oihw, &plain));
    LBK_GO(memory(net, &plain, (void *)(uintptr_t)layer->weight, &source));
    LBK_GO(reorder(net, &plain, source, planned, at->weight));
done:
    dnnl_memory_destroy(source);
    return status;
}

static lbk_status build(lbk__convnet *net, const lbk__conv *layer, float *source, step *at) {
    const size_t bias_bytes = (size_t)layer->out * sizeof *layer->bias;
    const dnnl_dims_t bias_shape = {layer->out};
    dnnl_memory_desc_t bias;
    LBK_TRY(copy_weight(net, layer, at));
    LBK_TRY(lbk__alloc_aligned(net->context, &at->bias_data, bias_bytes));
    memcpy(at->bias_data, layer->bias, bias_bytes);
    LBK_TRY(describe(net, 1, bias_shape, dnnl_x, &bias));
    LBK_TRY(memory(net, &bias, at->bias_data, &at->bias));
    LBK_TRY(memory(net, described(at, dnnl_query_src_md), source, &at->source));
    LBK_TRY(memory(net, described(at, dnnl_query_dst_md), net->buffers[layer->to], &at->target));
    return check(net, dnnl_primitive_create(&at->primitive, at->plan), "make a convolution");
}

lbk_status lbk__convnet_create(lbk_context *context, const lbk__conv *layers, size_t num_layers,
                               int32_t batch, int32_t size, lbk__convnet **out) {
    lbk__convnet *net;
    lbk_status status = LBK_OK;
    *out = NULL;
    LBK_TRY(LBK_ALLOC(context, net, 1));
    net->context = context;
    net->num_steps = num_layers;
    LBK_GO(LBK_ALLOC(context, net->steps, num_layers));
    LBK_GO(check(net, dnnl_engine_create(&net->engine, dnnl_cpu, 0), "use the processor"));
    LBK_GO(check(net, dnnl_stream_create(&net->stream, net->engine, dnnl_stream_default_flags),
                 "use the processor"));
    LBK_GO(plan_all(net, layers, batch, size));
    for (size_t i = 0; i < num_layers; i++)
        LBK_GO(build(net, layers + i, i ? net->buffers[layers[i].from] : net->input, net->steps + i));
    *out = net;
done:
    if (status != LBK_OK) lbk__convnet_free(net);
    return status;
}

void lbk__convnet_free(lbk__convnet *net) {
    if (!net) return;
    for (size_t i = 0; net->steps && i < net->num_steps; i++) {
        step *at = net->steps + i;
        dnnl_primitive_destroy(at->primitive);
        dnnl_primitive_desc_destroy(at->plan);
        dnnl_memory_destroy(at->source);
        dnnl_memory_destroy(at->weight);
        dnnl_memory_destroy(at->bias);
        dnnl_memory_destroy(at->target);
        lbk__free_aligned(net->context, at->weight_data);
        lbk__free_aligned(net->context, at->bias_data);
    }
    dnnl_stream_destroy(net->stream);
    dnnl_engine_destroy(net->engine);
    for (int b = 0; b < LBK__CONV_BUFFERS; b++) lbk__free_aligned(net->context, net->buffers[b]);
    lbk__free_aligned(net->context, net->input);
    lbk_free(net->context, net->steps);
    lbk_free(net->context, net);
}

/* ---- running ---- */

float *lbk__convnet_input(lbk__convnet *net) {
    return net->input;
}
int32_t lbk__convnet_output_size(const lbk__convnet *net) {
    return net->output_size;
}

lbk_status lbk__convnet_run(lbk__convnet *net, const float **out) {
    for (size_t i = 0; i < net->num_steps; i++) {
        const step *at = net->steps + i;
        const dnnl_exec_arg_t arguments[] = {{DNNL_ARG_SRC, at->source},
                                             {DNNL_ARG_WEIGHTS, at->weight},
                                             {DNNL_ARG_BIAS, at->bias},
                                             {DNNL_ARG_DST, at->target}};
        LBK_TRY(check(net,
                      dnnl_primitive_execute(at->primitive, net->stream, LBK_COUNT(arguments), arguments),
                      "run a convolution"));
    }
    *out = net->output;
    return check(net, dnnl_stream_wait(net->stream), "run convolutions");
}
