/* svg_metadata.c: Dublin Core title and description of an SVG's RDF, by libxml2. */
#include "data/svg_metadata.h"

#include "base/file.h"
#include "base/library.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

static struct {
    __typeof__(xmlReadMemory) *xmlReadMemory;
    __typeof__(xmlDocGetRootElement) *xmlDocGetRootElement;
    __typeof__(xmlNodeGetContent) *xmlNodeGetContent;
    __typeof__(xmlFreeDoc) *xmlFreeDoc;
    xmlFreeFunc *xmlFree;
} lib;

static const lbk__symbol symbols[] = {{"xmlReadMemory", &lib.xmlReadMemory, false},
                                      {"xmlDocGetRootElement", &lib.xmlDocGetRootElement, false},
                                      {"xmlNodeGetContent", &lib.xmlNodeGetContent, false},
                                      {"xmlFreeDoc", &lib.xmlFreeDoc, false},
                                      {"xmlFree", &lib.xmlFree, true}};
static lbk__library library = {.file = LBK__XML_LIBRARY,
                               .symbols = symbols,
                               .num_symbols = LBK_COUNT(symbols),
                               .lock = PTHREAD_MUTEX_INITIALIZER};

enum { LONGEST_DRAWING = 16 << 20 };
static const char dublin_core[] = "http://purl.org/dc/elements/1.1/";

static bool is_named(const xmlNode *node, const char *name) {
    return node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, name) == 0;
}

/* The first element called `name` in document order, without recursion: a hostile file may be deep. */
static xmlNode *find_element(xmlNode *root, const char *name) {
    for (xmlNode *node = root; node;) {
        if (is_named(node, name)) return node;
        if (node->type == XML_ELEMENT_NODE && node->children) {
            node = node->children;
            continue;
        }
        while (node != root && !node->next) node = node->parent;
        if (node == root) break;
        node = node->next;
    }
    return NULL;
}

static lbk_status append_collapsed(lbk_context *context, lbk__text *out, const char *text) {
    bool space = false;
    out->length = 0;
    LBK_TRY(lbk__text_append(context, out, "", 0));
    for (; *text; text++) {
        if (strchr(" \t\r\n", *text)) {
            space = true;
            continue;
        }
        if (space && out->length) LBK_TRY(lbk__text_append(context, out, " ", 1));
        space = false;
        LBK_TRY(lbk__text_append(context, out, text, 1));
    }
    return LBK_OK;
}

/* The content of Work's own Dublin Core child: the agents inside have titles, too. */
static lbk_status read_child(lbk_context *context, xmlNode *work, const char *name, lbk__text *out) {
    LBK_TRY(append_collapsed(context, out, ""));
    for (xmlNode *child = work ? work->children : NULL; child; child = child->next) {
        if (!is_named(child, name) || !child->ns || !child->ns->href ||
            strcmp((const char *)child->ns->href, dublin_core) != 0)
            continue;
        xmlChar *content = lib.xmlNodeGetContent(child);
        lbk_status status = append_collapsed(context, out, content ? (const char *)content : "");
        (*lib.xmlFree)(content);
        return status;
    }
    return LBK_OK;
}

lbk_status lbk__svg_metadata(lbk_context *context, const char *path, lbk__text *title,
                             lbk__text *description) {
    char *text;
    size_t size;
    char reason[LBK__LIBRARY_REASON];
    if (!lbk__library_need(&library, reason))
        return lbk__fail(context, LBK_IO, "%s: needs libxml2: %s", path, reason);
    LBK_TRY(lbk__read_file(context, path, LONGEST_DRAWING, &text, &size));
    xmlDoc *document =
        lib.xmlReadMemory(text, (int)size, NULL, NULL,
                          XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_COMPACT);
    lbk_free(context, text);
    if (!document) return lbk__fail(context, LBK_BAD_DATA, "%s: is not well-formed XML", path);
    xmlNode *root = lib.xmlDocGetRootElement(document);
    xmlNode *work = root ? find_element(root, "Work") : NULL;
    lbk_status status = read_child(context, work, "title", title);
    if (status == LBK_OK) status = read_child(context, work, "description", description);
    lib.xmlFreeDoc(document);
    return status;
}
