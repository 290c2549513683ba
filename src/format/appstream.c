/* appstream.c: libappstream's components as plain structures. */
#include "format/appstream.h"

#include "base/library.h"

#include <appstream.h>
#include <libxml/xmlerror.h>
#include <stdlib.h>
#include <string.h>

/* ---- libappstream, and of GLib and libxml2, which it links, what we call ---- */

/* clang-format off */
#define FUNCTIONS(F) \
    F(as_component_get_categories) F(as_component_get_description) F(as_component_get_icons) \
    F(as_component_get_id) F(as_component_get_kind) F(as_component_get_name) F(as_component_get_pkgname) \
    F(as_component_get_summary) F(as_icon_get_kind) F(as_icon_get_name) F(as_markup_convert_simple) \
    F(as_metadata_get_components) F(as_metadata_new) F(as_metadata_parse_file) \
    F(as_metadata_set_format_style) F(as_metadata_set_locale) \
    F(g_clear_error) F(g_converter_input_stream_new) F(g_error_matches) F(g_file_new_for_path) F(g_file_read) \
    F(g_free) F(g_input_stream_read) F(g_io_error_quark) F(g_log_remove_handler) F(g_log_set_handler) \
    F(g_object_unref) F(g_zlib_decompressor_new) \
    F(__xmlGenericError) F(__xmlGenericErrorContext) F(xmlSetGenericErrorFunc)
/* clang-format on */
#define MEMBER(name) __typeof__(name) *name;
static struct { FUNCTIONS(MEMBER) } lib;

#define SYMBOL(name) {#name, &lib.name, false},
static const lbk__symbol symbols[] = {FUNCTIONS(SYMBOL)};
static lbk__library library = {.file = LBK__APPSTREAM_LIBRARY,
                               .symbols = symbols,
                               .num_symbols = LBK_COUNT(symbols),
                               .lock = PTHREAD_MUTEX_INITIALIZER};

struct lbk__appstream {
    lbk_context *context;
    AsMetadata *metadata;
    lbk__application *items;
    size_t count;
};

static const char *text_or_empty(const char *text) {
    return text ? text : "";
}

static const char *icon_of(AsComponent *component) {
    GPtrArray *icons = lib.as_component_get_icons(component);
    for (guint i = 0; i < icons->len; i++) {
        AsIcon *icon = g_ptr_array_index(icons, i);
        if (lib.as_icon_get_kind(icon) == AS_ICON_KIND_CACHED)
            return text_or_empty(lib.as_icon_get_name(icon));
    }
    return "";
}

static lbk_status fill(lbk_context *context, AsComponent *component, lbk__application *out) {
    GPtrArray *categories = lib.as_component_get_categories(component);
    const char **names;
    *out = (lbk__application){.id = text_or_empty(lib.as_component_get_id(component)),
                              .package = text_or_empty(lib.as_component_get_pkgname(component)),
                              .name = text_or_empty(lib.as_component_get_name(component)),
                              .summary = text_or_empty(lib.as_component_get_summary(component)),
                              .icon = icon_of(component),
                              .num_categories = categories->len};
    LBK_TRY(LBK_ALLOC(context, names, categories->len));
    for (guint i = 0; i < categories->len; i++) names[i] = g_ptr_array_index(categories, i);
    out->categories = names;
    const char *markup = lib.as_component_get_description(component);
    gchar *plain = markup ? lib.as_markup_convert_simple(markup, NULL) : NULL;
    char *description;
    lbk_status status = lbk__copy_string(context, plain ? plain : "", &description);
    (lib.g_free)(plain); /* a macro, too, in later versions of GLib */
    out->description = status == LBK_OK ? description : NULL;
    return status;
}

static int by_id(const void *a, const void *b) {
    const lbk__application *x = a, *y = b;
    const int order = strcmp(x->id, y->id);
    return order ? order : strcmp(x->package, y->package);
}

/* ---- libappstream warns by GLib, and libxml2, to which it gives descriptions, by itself: both to the
 * terminal ---- */

typedef struct handlers {
    guint log;
    xmlGenericErrorFunc xml;
    void *xml_user;
} handlers;

static void ignore_xml(void *user, const char *format, ...) {
    (void)user, (void)format;
}

static void ignore_log(const gchar *domain, GLogLevelFlags level, const gchar *message, gpointer user) {
    (void)domain, (void)level, (void)message, (void)user;
}

static handlers silence(void) {
    const handlers before = {lib.g_log_set_handler(NULL, G_LOG_LEVEL_WARNING, ignore_log, NULL),
                             *lib.__xmlGenericError(), *lib.__xmlGenericErrorContext()};
    lib.xmlSetGenericErrorFunc(NULL, ignore_xml);
    return before;
}

static void end_silence(handlers before) {
    lib.xmlSetGenericErrorFunc(before.xml_user, before.xml);
    lib.g_log_remove_handler(NULL, before.log);
}

/* ---- reading ---- */

/* libappstream would unpack a .gz to whatever size it has. A distribution's catalogue has some 50 MiB. */
enum { LARGEST_CATALOGUE = 256 << 20 };

static GInputStream *open_stream(const char *path) {
    GFile *file = lib.g_file_new_for_path(path);
    GInputStream *stream = (GInputStream *)lib.g_file_read(file, NULL, NULL);
    lib.g_object_unref(file);
    const size_t length = strlen(path);
    if (!stream || length < 3 || strcmp(path + length - 3, ".gz") != 0) return stream;
    GConverter *unpack = (GConverter *)lib.g_zlib_decompressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP);
    GInputStream *unpacked = lib.g_converter_input_stream_new(stream, unpack);
    lib.g_object_unref(unpack);
    lib.g_object_unref(stream);
    return unpacked;
}

/* Whether there is more than there may be; what cannot be read is for the parser to say. */
static bool is_too_large(const char *path) {
    enum { PIECE = 1 << 16 };
    GInputStream *stream = open_stream(path);
    char piece[PIECE];
    gssize got = stream ? 1 : 0;
    size_t length = 0;
    while (got > 0 && length <= LARGEST_CATALOGUE) {
        got = lib.g_input_stream_read(stream, piece, sizeof piece, NULL, NULL);
        if (got > 0) length += (size_t)got;
    }
    if (stream) lib.g_object_unref(stream);
    return length > LARGEST_CATALOGUE;
}

static lbk_status parse(lbk__appstream *catalogue, const char *path) {
    GError *error = NULL;
    if (is_too_large(path))
        return lbk__fail(catalogue->context, LBK_BAD_DATA, "%s: unpacks to more than %d MiB", path,
                         LARGEST_CATALOGUE >> 20);
    catalogue->metadata = lib.as_metadata_new();
    lib.as_metadata_set_locale(catalogue->metadata, "C");
    lib.as_metadata_set_format_style(catalogue->metadata, AS_FORMAT_STYLE_CATALOG);
    GFile *file = lib.g_file_new_for_path(path);
    const gboolean parsed =
        lib.as_metadata_parse_file(catalogue->metadata, file, AS_FORMAT_KIND_YAML, &error);
    lib.g_object_unref(file);
    if (parsed) return LBK_OK;
    const bool missing = lib.g_error_matches(error, lib.g_io_error_quark(), G_IO_ERROR_NOT_FOUND);
    lbk_status status = lbk__fail(catalogue->context, missing ? LBK_IO : LBK_BAD_DATA, "%s: %s", path,
                                  error ? error->message : "cannot be read as an AppStream catalogue");
    lib.g_clear_error(&error);
    return status;
}

lbk_status lbk__appstream_open(lbk_context *context, const char *path, lbk__appstream **out) {
    *out = NULL;
    char reason[LBK__LIBRARY_REASON];
    if (!lbk__library_need(&library, reason))
        return lbk__fail(context, LBK_IO, "%s: needs libappstream: %s", path, reason);
    lbk__appstream *catalogue;
    LBK_TRY(LBK_ALLOC(context, catalogue, 1));
    catalogue->context = context;
    lbk_status status = LBK_OK;
    const handlers before = silence();
    LBK_GO(parse(catalogue, path));
    GPtrArray *components = lib.as_metadata_get_components(catalogue->metadata);
    LBK_GO(LBK_ALLOC(context, catalogue->items, components->len));
    for (guint i = 0; i < components->len; i++) {
        AsComponent *component = g_ptr_array_index(components, i);
        if (lib.as_component_get_kind(component) != AS_COMPONENT_KIND_DESKTOP_APP) continue;
        LBK_GO(fill(context, component, catalogue->items + catalogue->count++));
    }
    if (catalogue->count) qsort(catalogue->items, catalogue->count, sizeof *catalogue->items, by_id);
    *out = catalogue;
done:
    end_silence(before);
    if (status != LBK_OK) lbk__appstream_close(catalogue);
    return status;
}

void lbk__appstream_close(lbk__appstream *catalogue) {
    if (!catalogue) return;
    for (size_t i = 0; i < catalogue->count; i++) {
        lbk_free(catalogue->context, (void *)(uintptr_t)catalogue->items[i].categories);
        lbk_free(catalogue->context, (void *)(uintptr_t)catalogue->items[i].description);
    }
    lbk_free(catalogue->context, catalogue->items);
    if (catalogue->metadata) lib.g_object_unref(catalogue->metadata);
    lbk_free(catalogue->context, catalogue);
}

size_t lbk__appstream_count(const lbk__appstream *catalogue) {
    return catalogue->count;
}

const lbk__application *lbk__appstream_at(const lbk__appstream *catalogue, size_t index) {
    return catalogue->items + index;
}
