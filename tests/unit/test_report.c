/* The report's pieces: what data can and cannot do to a page and to gnuplot's script; thumbnails. */
#include "check.h"

#include "data/image.h"
#include "study/gnuplot.h"
#include "study/html.h"

static void texts_are_escaped(void **state) {
    (void)state;
    lbk__html html = {.context = check_context()};
    lbk__html_put(&html, "<p>");
    lbk__html_text(&html, "a < b & 'c' > \"d\" <script>é</script>");
    lbk__html_text(&html, NULL);
    assert_int_equal(html.status, LBK_OK);
    assert_string_equal(html.text.data,
                        "<p>a &lt; b &amp; &#39;c&#39; &gt; &quot;d&quot; &lt;script&gt;é&lt;/script&gt;");
    lbk__text_free(html.context, &html.text);
    lbk_context_destroy(html.context);
}

static const char *shown(lbk__html *html, void (*put)(lbk__html *, double), double value) {
    html->text.length = 0;
    put(html, value);
    return html->text.data;
}

static void numbers_are_for_people(void **state) {
    (void)state;
    lbk__html html = {.context = check_context()};
    assert_string_equal(shown(&html, lbk__html_score, 0.61449), "0.614");
    assert_string_equal(shown(&html, lbk__html_score, NAN), "–");
    assert_string_equal(shown(&html, lbk__html_signed, -0.0123), "−0.012");
    assert_string_equal(shown(&html, lbk__html_signed, 0.5), "+0.500");
    assert_string_equal(shown(&html, lbk__html_signed, -0.0004), "0.000");
    assert_string_equal(shown(&html, lbk__html_p, 0.0004), "&lt;&thinsp;0.001");
    assert_string_equal(shown(&html, lbk__html_p, 0.0412), "0.041");
    assert_string_equal(shown(&html, lbk__html_p, 1), "1.00");
    html.text.length = 0;
    lbk__html_base64(&html, "\xff\xd8\xff\xe0", 4);
    assert_string_equal(html.text.data, "/9j/4A==");
    lbk__text_free(html.context, &html.text);
    lbk_context_destroy(html.context);
}

/* gnuplot substitutes nothing in single quotes; what ends them is doubled. */
static void gnuplot_gets_texts_in_quotes(void **state) {
    (void)state;
    char buffer[64];
    assert_string_equal(lbk__gnuplot_quote(buffer, sizeof buffer, "it's `rm`\n\"x\""), "'it''s `rm`\"x\"'");
    for (size_t size = 8; size < 24; size++) {
        const char *quoted = lbk__gnuplot_quote(buffer, size, "äöü'ß'€uro");
        const size_t length = strlen(quoted);
        int quotes = 0;
        assert_true(length < size && quoted[0] == '\'' && quoted[length - 1] == '\'');
        assert_int_equal(lbk__utf8_valid(quoted, length), length);
        for (size_t i = 0; i < length; i++) quotes += quoted[i] == '\'';
        assert_true(quotes % 2 == 0);
    }
}

static void thumbnails_keep_their_shape(void **state) {
    (void)state;
    lbk_context *context = check_context();
    char *jpeg;
    size_t size;
    check_ok(context, lbk__image_thumbnail(context, "tests/golden/images/smooth.png", 24, &jpeg, &size));
    assert_true(size > 100 && memcmp(jpeg, "\xff\xd8\xff", 3) == 0);
    int width = 0, height = 0; /* of the frame header: FF C0, length, precision, height, width */
    for (size_t i = 2; i + 9 < size && !width; i++)
        if ((unsigned char)jpeg[i] == 0xFF && (unsigned char)jpeg[i + 1] == 0xC0) {
            height = (unsigned char)jpeg[i + 5] << 8 | (unsigned char)jpeg[i + 6];
            width = (unsigned char)jpeg[i + 7] << 8 | (unsigned char)jpeg[i + 8];
        }
    assert_int_equal(width, 24);
    assert_int_equal(height, 16);
    lbk_free(context, jpeg);
    check_fails(context, LBK_IO, "none.png", lbk__image_thumbnail(context, "none.png", 16, &jpeg, &size));
    check_fails(context, LBK_BAD_DATA, "vocab.txt",
                lbk__image_thumbnail(context, "tests/golden/tokenizer/vocab.txt", 16, &jpeg, &size));
    lbk_context_destroy(context);
}

/* gnuplot draws a tic at each step, however many that are: 11 GB of them, once. */
static void tics_are_few_whatever_the_numbers(void **state) {
    (void)state;
    static const double ranges[][2] = {{0, 1},         {0.5, 0.5},     {0, 0},   {-3e8, -3e8},
                                       {1e9, 1e9 + 1}, {2e-12, 3e-12}, {0, 1e30}};
    for (size_t i = 0; i < LBK_COUNT(ranges); i++) {
        lbk__gnuplot gnuplot = {.context = check_context()};
        double low, high, step;
        lbk__gnuplot_tics(&gnuplot, 'x', ranges[i][0], ranges[i][1]);
        assert_int_equal(gnuplot.status, LBK_OK);
        assert_int_equal(
            sscanf(gnuplot.script.data, "set xrange [%lf:%lf]\nset xtics %lf", &low, &high, &step), 3);
        assert_true(low < high && low <= ranges[i][0] && high >= ranges[i][1]);
        const double tics = (high - low) / step;
        if (!(tics >= 1 && tics <= 12)) fail_msg("%g tics from %g to %g", tics, low, high);
        lbk_context *context = gnuplot.context;
        lbk__gnuplot_free(&gnuplot);
        lbk_context_destroy(context);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_escaped), cmocka_unit_test(numbers_are_for_people),
        cmocka_unit_test(gnuplot_gets_texts_in_quotes), cmocka_unit_test(tics_are_few_whatever_the_numbers),
        cmocka_unit_test(thumbnails_keep_their_shape)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
