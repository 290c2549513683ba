/* svg_metadata.h: what a drawing says about itself. */
#ifndef LBK_DATA_SVG_METADATA_H
#define LBK_DATA_SVG_METADATA_H

#include "base/base.h"

/* Title and description of the first Work in the RDF of an SVG file, white space collapsed; "" where there is
 * none. LBK_BAD_DATA for a file that is not XML. Nothing outside the file is read. */
lbk_status lbk__svg_metadata(lbk_context *context, const char *path, lbk__text *title,
                             lbk__text *description);

#endif
