/* encoder_weights.c: writes the weights of a small image encoder, for tests that are shell scripts.
 *
 *   encoder_weights FILE */
#include "encoder_fixture.h"

int main(int count, char **arguments) {
    if (count != 2) return 2;
    lbk_context *context = check_context();
    encoder_write(context, arguments[1], NULL);
    lbk_context_destroy(context);
    return 0;
}
