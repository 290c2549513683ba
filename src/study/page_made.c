/* page_made.c: how a study was made: files, machine, versions, recipe, configurations; and what makes its
 * scores better than they are. */
#include "study/page.h"

#include <stdio.h>

void lbk__page_warnings(lbk__html *html, const json_t *root) {
    size_t i;
    json_t *sentence;
    json_array_foreach(json_object_get(root, "warnings"), i, sentence) {
        lbk__html_put(html, "<p class=down>");
        lbk__html_text(html, json_string_value(sentence));
        lbk__html_put(html, "</p>");
    }
}

/* Nothing where a study of an older limbeck does not say it. */
static void fact(lbk__html *html, const char *name, const char *value) {
    if (!*value) return;
    lbk__html_put(html, "<dt>");
    lbk__html_text(html, name);
    lbk__html_put(html, "</dt><dd>");
    lbk__html_text(html, value);
    lbk__html_put(html, "</dd>");
}

/* Behind its title, which opens it. */
static void put_text(lbk__html *html, const char *title, const char *name, const char *text) {
    if (!text) return;
    lbk__html_put(html, "<details><summary>");
    lbk__html_put(html, title);
    lbk__html_text(html, name);
    lbk__html_put(html, "</summary><pre>");
    lbk__html_text(html, text);
    lbk__html_put(html, "</pre></details>");
}

void lbk__page_made(lbk__html *html, const json_t *root, const json_t *plots) {
    const json_t *machine = json_object_get(root, "machine"), *recipe = json_object_get(root, "recipe"),
                 *configurations = json_object_get(root, "configurations");
    const char *name;
    const json_t *text;
    char threads[32];
    snprintf(threads, sizeof threads, "%.0f", lbk__json_number(json_object_get(machine, "threads")));
    lbk__html_put(html, "<section id=made><h2>How it was made</h2><dl class=facts>");
    fact(html, "pack", lbk__json_text_of(root, "pack"));
    fact(html, "pack's SHA-256", lbk__json_text_of(root, "pack_sha256"));
    fact(html, "teacher's SHA-256", lbk__json_text_of(root, "teacher_sha256"));
    fact(html, "recipe's SHA-256", lbk__json_text_of(recipe, "sha256"));
    fact(html, "test split", lbk__json_text_of(root, "test_split"));
    fact(html, "limbeck", lbk__json_text_of(machine, "limbeck"));
    fact(html, "processor", lbk__json_text_of(machine, "processor"));
    fact(html, "system", lbk__json_text_of(machine, "system"));
    fact(html, "threads", threads);
    fact(html, "oneDNN", lbk__json_text_of(machine, "onednn"));
    fact(html, "compiler", lbk__json_text_of(machine, "compiler"));
    fact(html, "plots", lbk__json_text_of(plots, "gnuplot"));
    lbk__html_put(html, "</dl><p>Hyper-parameters were chosen by the mean score on dev, each method from the "
                        "same values of the keys that it reads; ");
    lbk__html_put(html, json_array_size(json_object_get(root, "warnings")) == 0
                            ? "then each chosen run was scored once on test."
                            : "then each chosen run was scored on test, of which something was known:");
    lbk__html_put(html, "</p>");
    lbk__page_warnings(html, root);
    lbk__html_put(html,
                  "<p>The same numbers, and more, are in results.json and the tables (.csv) beside this "
                  "page.</p><p>");
    lbk__html_text(html, lbk__json_text_of(root, "note"));
    lbk__html_put(html, "</p>");
    put_text(html, "Recipe", "", json_string_value(json_object_get(recipe, "text")));
    json_object_foreach((json_t *)configurations, name, text)
        put_text(html, "Configuration: ", name, json_string_value(text));
    lbk__html_put(html, "</section>");
}
