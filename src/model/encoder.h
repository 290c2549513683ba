/* encoder.h: the forward function, recorded on a tape. */
#ifndef LBK_MODEL_ENCODER_H
#define LBK_MODEL_ENCODER_H

#include "model/parameters.h"
#include "tape/ops.h"

/* Records a VisualBERT classifier: gives its logits [S, num_labels]. */
lbk_status lbk__encoder_record(const lbk__model *model, lbk__tape *tape, lbk__tensor **logits);

/* Records the encoder alone: the last layer's hidden states [T, hidden_size] of all tokens. */
lbk_status lbk__encoder_record_states(const lbk__model *model, lbk__tape *tape, lbk__tensor **states);

#endif
