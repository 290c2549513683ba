/* vips.h: libvips, loaded when the first picture asks for it: with all that it links it is a hundred
 * libraries, half of a small model's first answer, and many a program never decodes with it. */
#ifndef LBK_DATA_VIPS_H
#define LBK_DATA_VIPS_H

#include "base/library.h"

#include <vips/vips.h>

#include <vips/vector.h> /* needs vips.h before it */

/* What we call: of libvips, less "vips_", and of the GLib that it uses. */
/* clang-format off */
#define LBK__VIPS_FUNCTIONS(F) \
    F(area_unref) F(array_double_newv) F(autorot) F(cache_set_max) F(call) F(cast_uchar) F(colourspace) \
    F(concurrency_set) F(flatten) F(image_copy_memory) \
    F(image_get_orientation) F(image_hasalpha) F(init) F(jpegsave_buffer) F(region_new) F(region_prepare) \
    F(resize) F(shrink) F(svgload_buffer) F(thread_shutdown) F(vector_set_enabled)
/* clang-format on */
#define LBK__GLIB_FUNCTIONS(F) F(g_free) F(g_log_set_handler) F(g_object_unref) F(g_type_from_name)

#define LBK__VIPS_MEMBER(name) __typeof__(vips_##name) *name;
#define LBK__GLIB_MEMBER(name) __typeof__(name) *name;
typedef struct lbk__vips {
    LBK__VIPS_FUNCTIONS(LBK__VIPS_MEMBER)
    LBK__GLIB_FUNCTIONS(LBK__GLIB_MEMBER)
} lbk__vips;

/* Loads and starts it (lbk__library_need): its operation cache off, each picture on one thread (we decode
 * many at once), its warnings, which would go to the terminal, silenced. Where the program has started it
 * already, it stays as the program set it, but for Orc. */
bool lbk__vips_start(char reason[LBK__LIBRARY_REASON]);
/* Whether that was done. */
bool lbk__vips_started(void);
/* To be used afterwards only. */
extern lbk__vips lbk__vips_functions;

#endif
