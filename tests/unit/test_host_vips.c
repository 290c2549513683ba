/* A program that uses libvips itself: what it has set stays so, whatever limbeck reads by it. */
#include "probe_fixture.h"

#include <vips/vips.h>

enum { THREADS = 3, OPERATIONS = 77 };

/* Before any picture is read; `set_up` packs some. */
static int start_vips(void **state) {
    (void)state;
    if (VIPS_INIT("host") != 0) return -1;
    vips_concurrency_set(THREADS);
    vips_cache_set_max(OPERATIONS);
    return 0;
}

static void its_settings_stay(void **state) {
    fixture *f = *state;
    lbk_sample sample;
    check_ok(f->context, lbk_pack_sample(f->pack, 0, &sample));
    assert_non_null(sample.visual); /* a picture was read */
    assert_int_equal(vips_concurrency_get(), THREADS);
    assert_int_equal(vips_cache_get_max(), OPERATIONS);
}

/* It still makes pictures as before. */
static void it_goes_on(void **state) {
    (void)state;
    VipsImage *black;
    double mean;
    assert_int_equal(vips_black(&black, 8, 8, NULL), 0);
    assert_int_equal(vips_avg(black, &mean, NULL), 0);
    check_near(mean, 0, 0);
    g_object_unref(black);
}

int main(void) {
    const struct CMUnitTest tests[] = {TEST(its_settings_stay), TEST(it_goes_on)};
    return cmocka_run_group_tests_name("host_vips", tests, start_vips, NULL);
}
