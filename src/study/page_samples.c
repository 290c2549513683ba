/* page_samples.c: samples where a modality decides, with picture, text and what the models say. */
#include "base/names.h"
#include "data/image.h"
#include "study/page.h"
#include "train/report.h"

#include <math.h>
#include <string.h>

enum { SIDE = 264 }; /* of a picture, in pixels: twice what is shown */

/* Whether there was a picture to show. */
static bool put_picture(lbk__html *html, const json_t *sample) {
    const char *path = json_string_value(json_object_get(sample, "picture"));
    char *jpeg;
    size_t size;
    if (!path || lbk__image_thumbnail(html->context, path, SIDE, &jpeg, &size) != LBK_OK) return false;
    lbk__html_put(html, "<article class='card sample'><img alt='' src='data:image/jpeg;base64,");
    lbk__html_base64(html, jpeg, size);
    lbk__html_put(html, "'>");
    lbk_free(html->context, jpeg);
    return true;
}

/* In whichever direction it is written, what stands beside it stays in its place. */
static void put_name(lbk__html *html, const char *name) {
    lbk__html_put(html, "<bdi>");
    lbk__html_text(html, name);
    lbk__html_put(html, "</bdi>");
}

static void put_answers(lbk__html *html, const json_t *answers) {
    size_t i;
    json_t *row;
    lbk__html_put(
        html,
        "<table "
        "class=answers><thead><tr><th></th><th>both</th><th>text</th><th>image</th></tr></thead><tbody>");
    json_array_foreach(answers, i, row) {
        lbk__html_put(html, "<tr><th scope=row>");
        lbk__html_text(html, lbk__json_text_of(row, "name"));
        lbk__html_put(html, "</th>");
        for (int v = 0; lbk__view_names[v]; v++) {
            const json_t *answer = json_object_get(row, lbk__view_names[v]);
            const bool right = json_is_true(json_object_get(answer, "right"));
            lbk__html_format(html, "<td><span class='%s'>%s ", right ? "up" : "down", right ? "✓" : "✗");
            put_name(html, lbk__json_text_of(answer, "class"));
            lbk__html_format(html, "</span> %.0f&#8239;%%</td>",
                             100 * lbk__json_number(json_object_get(answer, "probability")));
        }
        lbk__html_put(html, "</tr>");
    }
    lbk__html_put(html, "</tbody></table>");
}

/* Whether its picture is there. */
static bool put_sample(lbk__html *html, const json_t *sample) {
    size_t i;
    json_t *class;
    const bool pictured = put_picture(html, sample);
    if (!pictured) lbk__html_put(html, "<article class='card sample bare'>");
    lbk__html_put(html, "<div><p dir=auto>");
    const char *text = lbk__json_text_of(sample, "text");
    if (*text)
        lbk__html_text(html, text);
    else
        lbk__html_put(html, "<span class=soft>no text</span>");
    lbk__html_put(html, "</p><p class=small>");
    json_array_foreach(json_object_get(sample, "classes"), i, class) {
        if (i) lbk__html_put(html, ", ");
        lbk__html_put(html, "<b>");
        put_name(html, json_string_value(class));
        lbk__html_put(html, "</b>");
    }
    lbk__html_format(html, "%sS(text) %.3f · S(image) %.3f · ", i ? " · " : "",
                     lbk__json_number(json_object_get(sample, "saliency_text")),
                     lbk__json_number(json_object_get(sample, "saliency_image")));
    put_name(html, lbk__json_text_of(sample, "id"));
    lbk__html_put(html, "</p></div>");
    put_answers(html, json_object_get(sample, "answers"));
    lbk__html_put(html, "</article>");
    return pictured;
}

void lbk__page_samples(lbk__html *html, const json_t *root) {
    size_t g, i;
    json_t *group, *sample;
    const char *first = NULL; /* of the pictures that were looked for */
    bool pictured = false;
    json_array_foreach(json_object_get(root, "samples"), g, group) {
        const json_t *samples = json_object_get(group, "samples");
        if (json_array_size(samples) == 0) continue;
        lbk__html_put(html, "<h3>");
        lbk__html_text(html, lbk__json_text_of(group, "title"));
        lbk__html_put(html, "</h3><div class=samples>");
        json_array_foreach(samples, i, sample) {
            pictured = put_sample(html, sample) || pictured;
            if (!first) first = json_string_value(json_object_get(sample, "picture"));
        }
        lbk__html_put(html, "</div>");
    }
    if (first && !pictured)
        lbk__log(html->context, LBK_LOG_WARNING,
                 "%s, the first, and no other picture of the samples shown could be read: the report is "
                 "without pictures; `images` names the folder that image paths start from",
                 first);
}
