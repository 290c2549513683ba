/* pickle.c: the machine. A stack of values, marks on it, a memo; each instruction is one byte with its
 * operand behind it. Instructions: those of protocols 2 to 5 that torch.save writes (Python's pickletools
 * describes them). */
#include "format/pickle.h"

#include <stdio.h>
#include <string.h>

enum { MARK = -2, DEEPEST = 1 << 16 };

typedef struct machine {
    lbk__pickle *pickle;
    int32_t *stack, *memo; /* memo: 0 empty, else value + 1 */
    size_t depth, stack_capacity, memo_capacity, memo_count;
} machine;

lbk_status lbk__pickle_bad(const lbk__pickle *pickle, const char *format, ...) {
    char what[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return lbk__fail(pickle->context, LBK_BAD_DATA, "%s: pickle, byte %zu: %s", pickle->where, pickle->at,
                     what);
}

/* ---- values ---- */

lbk_status lbk__pickle_new(lbk__pickle *pickle, lbk__pickle_kind kind, int64_t number, int32_t *out) {
    if (pickle->num_values >= LBK__PICKLE_MOST)
        return lbk__pickle_bad(pickle, "has more than %d values; no state dict of tensors needs so many",
                               LBK__PICKLE_MOST);
    LBK_TRY(LBK_GROW(pickle->context, pickle->values, pickle->max_values, pickle->num_values + 1));
    *out = (int32_t)pickle->num_values++;
    pickle->values[*out] = (lbk__pickle_value){
        .kind = kind, .number = number, .first = LBK__PICKLE_NONE, .last = LBK__PICKLE_NONE};
    return LBK_OK;
}

static lbk_status append(lbk__pickle *pickle, int32_t container, int32_t item) {
    if (pickle->num_cells >= LBK__PICKLE_MOST)
        return lbk__pickle_bad(pickle, "has more than %d items; no state dict of tensors needs so many",
                               LBK__PICKLE_MOST);
    LBK_TRY(LBK_GROW(pickle->context, pickle->cells, pickle->max_cells, pickle->num_cells + 1));
    const int32_t cell = (int32_t)pickle->num_cells++;
    pickle->cells[cell] = (lbk__pickle_cell){item, LBK__PICKLE_NONE};
    lbk__pickle_value *to = &pickle->values[container];
    if (to->count++)
        pickle->cells[to->last].next = cell;
    else
        to->first = cell;
    to->last = cell;
    return LBK_OK;
}

bool lbk__pickle_is_text(const lbk__pickle_value *value, const char *text) {
    return value && value->kind == LBK__PICKLE_TEXT && value->length == strlen(text) &&
           memcmp(value->text, text, value->length) == 0;
}

const lbk__pickle_value *lbk__pickle_get(const lbk__pickle *pickle, const lbk__pickle_value *dict,
                                         const char *key) {
    const lbk__pickle_value *found = NULL;
    if (dict->kind != LBK__PICKLE_DICT) return NULL;
    for (int32_t at = dict->first;
         at != LBK__PICKLE_NONE;) { /* as in Python, the last of equal keys counts */
        const lbk__pickle_cell *k = &pickle->cells[at], *v = &pickle->cells[k->next];
        if (lbk__pickle_is_text(&pickle->values[k->value], key)) found = &pickle->values[v->value];
        at = v->next;
    }
    return found;
}

/* ---- operands ---- */

static lbk_status operand(machine *m, size_t size, const unsigned char **out) {
    lbk__pickle *pickle = m->pickle;
    if (size > pickle->size - pickle->at)
        return lbk__pickle_bad(pickle, "ends within an instruction: truncated");
    *out = pickle->data + pickle->at;
    pickle->at += size;
    return LBK_OK;
}

/* A little-endian number of `size` ≤ 8 bytes, not signed. */
static lbk_status number(machine *m, size_t size, uint64_t *out) {
    const unsigned char *bytes = NULL;
    LBK_TRY(operand(m, size, &bytes));
    *out = 0;
    for (size_t i = size; i-- > 0;) *out = *out << 8 | bytes[i];
    return LBK_OK;
}

static lbk_status line(machine *m, const char **out, size_t *length) {
    const unsigned char *start = m->pickle->data + m->pickle->at, *end;
    const size_t left = m->pickle->size - m->pickle->at;
    end = left ? memchr(start, '\n', left) : NULL;
    if (!end) return lbk__pickle_bad(m->pickle, "ends within an instruction: truncated");
    *out = (const char *)start;
    *length = (size_t)(end - start);
    m->pickle->at += *length + 1;
    return LBK_OK;
}

/* ---- stack ---- */

static lbk_status push(machine *m, int32_t value) {
    if (m->depth >= DEEPEST) return lbk__pickle_bad(m->pickle, "is nested deeper than any state dict");
    LBK_TRY(LBK_GROW(m->pickle->context, m->stack, m->stack_capacity, m->depth + 1));
    m->stack[m->depth++] = value;
    return LBK_OK;
}

static lbk_status push_new(machine *m, lbk__pickle_kind kind, int64_t value) {
    int32_t made = 0;
    LBK_TRY(lbk__pickle_new(m->pickle, kind, value, &made));
    return push(m, made);
}

/* Where the topmost `count` values start; none of them a mark. */
static lbk_status below_top(const machine *m, size_t count, size_t *first) {
    bool there = m->depth >= count;
    for (size_t i = 1; there && i <= count; i++) there = m->stack[m->depth - i] != MARK;
    if (!there) return lbk__pickle_bad(m->pickle, "takes a value that is not there");
    *first = m->depth - count;
    return LBK_OK;
}

static lbk_status pop(machine *m, int32_t *out) {
    LBK_TRY(below_top(m, 1, &m->depth));
    *out = m->stack[m->depth];
    return LBK_OK;
}

/* The container below stack[depth], which must be of this kind. */
static lbk_status container_at(const machine *m, size_t depth, lbk__pickle_kind kind, int32_t *out) {
    if (depth == 0 || m->stack[depth - 1] == MARK || m->pickle->values[m->stack[depth - 1]].kind != kind)
        return lbk__pickle_bad(m->pickle, "adds items to what is no %s",
                               kind == LBK__PICKLE_LIST ? "list" : "dict");
    *out = m->stack[depth - 1];
    return LBK_OK;
}

/* Where the values above the last mark start. */
static lbk_status above_mark(const machine *m, size_t *first) {
    for (size_t at = m->depth; at-- > 0;)
        if (m->stack[at] == MARK) {
            *first = at + 1;
            return LBK_OK;
        }
    return lbk__pickle_bad(m->pickle, "looks for a mark that is not there");
}

/* ---- instructions; `argument` is what the table below says ---- */

static lbk_status push_mark(machine *m, size_t argument) {
    (void)argument;
    return push(m, MARK);
}

static lbk_status push_empty(machine *m, size_t kind) {
    return push_new(m, (lbk__pickle_kind)kind, 0);
}

static lbk_status push_truth(machine *m, size_t truth) {
    return push_new(m, LBK__PICKLE_NUMBER, (int64_t)truth);
}

static lbk_status push_integer(machine *m, size_t size_bytes) {
    uint64_t value = 0;
    LBK_TRY(number(m, size_bytes, &value));
    return push_new(m, LBK__PICKLE_NUMBER, size_bytes == 4 ? (int32_t)value : (int64_t)value);
}

/* A signed little-endian number behind its length. */
static lbk_status push_long(machine *m, size_t size_bytes) {
    uint64_t length = 0, value = 0;
    LBK_TRY(number(m, size_bytes, &length));
    if (length > sizeof value) return lbk__pickle_bad(m->pickle, "has an integer beyond 64 bits");
    LBK_TRY(number(m, (size_t)length, &value));
    const unsigned unused = 64 - 8 * (unsigned)length;
    return push_new(m, LBK__PICKLE_NUMBER, unused == 64 ? 0 : (int64_t)(value << unused) >> unused);
}

static lbk_status push_real(machine *m, size_t size_bytes) {
    const unsigned char *unused;
    LBK_TRY(operand(m, size_bytes, &unused));
    return push_new(m, LBK__PICKLE_NULL, 0);
}

static lbk_status push_text(machine *m, size_t size_bytes) {
    uint64_t length = 0;
    const unsigned char *text = NULL;
    int32_t made = 0;
    LBK_TRY(number(m, size_bytes, &length));
    LBK_TRY(operand(m, (size_t)length, &text));
    LBK_TRY(lbk__pickle_new(m->pickle, LBK__PICKLE_TEXT, 0, &made));
    m->pickle->values[made].text = (const char *)text;
    m->pickle->values[made].length = (size_t)length;
    return push(m, made);
}

/* A tuple of the values from stack[first] on; `below` is what stays of the stack. */
static lbk_status make_tuple(machine *m, size_t first, size_t below) {
    int32_t tuple = 0;
    LBK_TRY(lbk__pickle_new(m->pickle, LBK__PICKLE_TUPLE, 0, &tuple));
    for (size_t i = first; i < m->depth; i++) LBK_TRY(append(m->pickle, tuple, m->stack[i]));
    m->depth = below;
    return push(m, tuple);
}

static lbk_status tuple_of(machine *m, size_t count) {
    size_t first = 0;
    LBK_TRY(below_top(m, count, &first));
    return make_tuple(m, first, first);
}

static lbk_status tuple_above_mark(machine *m, size_t argument) {
    (void)argument;
    size_t first = 0;
    LBK_TRY(above_mark(m, &first));
    return make_tuple(m, first, first - 1);
}

/* The values from stack[first] on into the container that lies below stack[below]. */
static lbk_status add_items(machine *m, lbk__pickle_kind kind, size_t first, size_t below) {
    int32_t container = 0;
    LBK_TRY(container_at(m, below, kind, &container));
    if (kind == LBK__PICKLE_DICT && (m->depth - first) % 2)
        return lbk__pickle_bad(m->pickle, "has a key without a value");
    for (size_t i = first; i < m->depth; i++) LBK_TRY(append(m->pickle, container, m->stack[i]));
    m->depth = below;
    return LBK_OK;
}

static lbk_status add_one(machine *m, size_t kind) {
    size_t first = 0;
    LBK_TRY(below_top(m, kind == LBK__PICKLE_DICT ? 2 : 1, &first));
    return add_items(m, (lbk__pickle_kind)kind, first, first);
}

static lbk_status add_above_mark(machine *m, size_t kind) {
    size_t first = 0;
    LBK_TRY(above_mark(m, &first));
    return add_items(m, (lbk__pickle_kind)kind, first, first - 1);
}

static lbk_status keep_top(machine *m, uint64_t index) {
    size_t top = 0;
    if (index >= LBK__PICKLE_MOST)
        return lbk__pickle_bad(m->pickle, "has a memo larger than any state dict's");
    LBK_TRY(below_top(m, 1, &top));
    const size_t before = m->memo_capacity;
    LBK_TRY(LBK_GROW(m->pickle->context, m->memo, m->memo_capacity, (size_t)index + 1));
    memset(m->memo + before, 0, (m->memo_capacity - before) * sizeof *m->memo);
    m->memo_count += !m->memo[index];
    m->memo[index] = m->stack[top] + 1;
    return LBK_OK;
}

static lbk_status memo_put(machine *m, size_t size_bytes) {
    uint64_t index = 0;
    LBK_TRY(number(m, size_bytes, &index));
    return keep_top(m, index);
}

static lbk_status memoize(machine *m, size_t argument) {
    (void)argument;
    return keep_top(m, m->memo_count);
}

static lbk_status memo_get(machine *m, size_t size_bytes) {
    uint64_t index = 0;
    LBK_TRY(number(m, size_bytes, &index));
    if (index >= m->memo_capacity || !m->memo[index])
        return lbk__pickle_bad(m->pickle, "takes from its memo what was not put there");
    return push(m, m->memo[index] - 1);
}

static lbk_status push_global(machine *m, size_t argument) {
    (void)argument;
    const char *module = NULL, *name = NULL;
    size_t module_length = 0, name_length = 0;
    int32_t made = 0;
    LBK_TRY(line(m, &module, &module_length));
    LBK_TRY(line(m, &name, &name_length));
    LBK_TRY(lbk__pickle_global(m->pickle, module, module_length, name, name_length, &made));
    return push(m, made);
}

/* As push_global, the two names from the stack. */
static lbk_status push_stack_global(machine *m, size_t argument) {
    (void)argument;
    const lbk__pickle_value *module, *name;
    size_t first = 0;
    int32_t made = 0;
    LBK_TRY(below_top(m, 2, &first));
    module = &m->pickle->values[m->stack[first]], name = &m->pickle->values[m->stack[first + 1]];
    if (module->kind != LBK__PICKLE_TEXT || name->kind != LBK__PICKLE_TEXT)
        return lbk__pickle_bad(m->pickle, "asks for a function that it does not name");
    m->depth = first;
    LBK_TRY(lbk__pickle_global(m->pickle, module->text, module->length, name->text, name->length, &made));
    return push(m, made);
}

/* How many bytes may be read ahead, which are all there already. */
static lbk_status frame(machine *m, size_t size_bytes) {
    uint64_t unused = 0;
    return number(m, size_bytes, &unused);
}

static lbk_status push_storage(machine *m, size_t argument) {
    (void)argument;
    int32_t description = 0, made = 0;
    LBK_TRY(pop(m, &description));
    LBK_TRY(lbk__pickle_storage(m->pickle, description, &made));
    return push(m, made);
}

static lbk_status call(machine *m, size_t argument) {
    (void)argument;
    int32_t function = 0, arguments = 0, made = 0;
    LBK_TRY(pop(m, &arguments));
    LBK_TRY(pop(m, &function));
    LBK_TRY(lbk__pickle_call(m->pickle, function, arguments, &made));
    return push(m, made);
}

/* Attributes of an object: a state dict has some (`_metadata`), which nobody needs. */
static lbk_status build(machine *m, size_t argument) {
    (void)argument;
    int32_t state = 0, object = 0;
    LBK_TRY(pop(m, &state));
    return container_at(m, m->depth, LBK__PICKLE_DICT, &object);
}

static lbk_status protocol(machine *m, size_t size_bytes) {
    uint64_t version = 0;
    LBK_TRY(number(m, size_bytes, &version));
    if (version >= 2 && version <= 5) return LBK_OK;
    return lbk__pickle_bad(m->pickle, "has protocol %d; 2 to 5 are read, torch.save writes 2 by itself",
                           (int)version);
}

static const struct {
    lbk_status (*run)(machine *, size_t argument);
    size_t argument;
} instructions[256] = {
    [0x80] = {protocol, 1},
    ['('] = {push_mark, 0},
    ['N'] = {push_empty, LBK__PICKLE_NULL},
    [0x88] = {push_truth, 1},
    [0x89] = {push_truth, 0},
    ['K'] = {push_integer, 1},
    ['M'] = {push_integer, 2},
    ['J'] = {push_integer, 4},
    [0x8a] = {push_long, 1},
    ['G'] = {push_real, 8},
    ['X'] = {push_text, 4},
    [0x8c] = {push_text, 1},
    [0x8d] = {push_text, 8},
    ['U'] = {push_text, 1}, /* 'U' and 'T': texts of Python 2 */
    ['T'] = {push_text, 4},
    [')'] = {push_empty, LBK__PICKLE_TUPLE},
    [0x85] = {tuple_of, 1},
    [0x86] = {tuple_of, 2},
    [0x87] = {tuple_of, 3},
    ['t'] = {tuple_above_mark, 0},
    [']'] = {push_empty, LBK__PICKLE_LIST},
    ['a'] = {add_one, LBK__PICKLE_LIST},
    ['e'] = {add_above_mark, LBK__PICKLE_LIST},
    ['}'] = {push_empty, LBK__PICKLE_DICT},
    ['s'] = {add_one, LBK__PICKLE_DICT},
    ['u'] = {add_above_mark, LBK__PICKLE_DICT},
    ['q'] = {memo_put, 1},
    ['r'] = {memo_put, 4},
    [0x94] = {memoize, 0},
    ['h'] = {memo_get, 1},
    ['j'] = {memo_get, 4},
    ['c'] = {push_global, 0},
    [0x93] = {push_stack_global, 0},
    [0x95] = {frame, 8},
    ['Q'] = {push_storage, 0},
    ['R'] = {call, 0},
    ['b'] = {build, 0},
};

static lbk_status run(machine *m) {
    for (;;) {
        const unsigned char *code = NULL;
        LBK_TRY(operand(m, 1, &code));
        if (*code == '.') return pop(m, &m->pickle->root);
        if (!instructions[*code].run)
            return lbk__pickle_bad(m->pickle, "instruction 0x%02x is none of those that build a state dict",
                                   *code);
        LBK_TRY(instructions[*code].run(m, instructions[*code].argument));
    }
}

lbk_status lbk__pickle_read(lbk_context *context, const char *where, const void *data, size_t size,
                            lbk__pickle *out) {
    *out = (lbk__pickle){.context = context, .where = where, .data = data, .size = size};
    machine m = {.pickle = out};
    const lbk_status status = run(&m);
    lbk_free(context, m.stack);
    lbk_free(context, m.memo);
    return status;
}

void lbk__pickle_free(lbk__pickle *pickle) {
    if (!pickle->context) return;
    lbk_free(pickle->context, pickle->values);
    lbk_free(pickle->context, pickle->cells);
    lbk_free(pickle->context, pickle->storages);
    lbk_free(pickle->context, pickle->tensors);
    *pickle = (lbk__pickle){0};
}
