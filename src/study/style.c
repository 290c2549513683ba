/* style.c: the style sheet of a report: light and dark, from a phone's width up, and for print. gnuplot
 * writes colours into attributes; here each of them becomes a colour of the theme. */
#include "study/html.h"

/* gnuplot writes "rgb( 31,  36,  48)" for lines and "rgb(31,36,48)" for texts. */
#define THEME(r, g, b, wide, variable)                                                                \
    "svg [stroke='" wide "']{stroke:var(--" variable ")}svg [color='" wide "']{color:var(--" variable \
    ")}svg [fill='" wide "'],svg [fill='rgb(" #r "," #g "," #b ")']{fill:var(--" variable ")}"

const char lbk__page_style[] =
    ":root{color-scheme:light dark;--page:#fbfbfc;--card:#fff;--line:#e3e6ea;--ink:#1f2430;--soft:#5c6470;"
    "--accent:#2f6fde;--up:#0b7a55;--down:#b3261e;--grey:#7d8590;--blue:#2f6fde;--orange:#d97a00;--brown:#"
    "8d6a3f;"
    "--green:#12906b;--red:#d1385c;--purple:#8a4fd0;--teal:#0093a8}"
    "@media(prefers-color-scheme:dark){:root{--page:#14171c;--card:#1b1f26;--line:#323843;--ink:#e8eaee;"
    "--soft:#a3abb7;--accent:#7aa7ff;--up:#5fd3a6;--down:#ff8f87;--grey:#9aa3ad;--blue:#7aa7ff;--orange:#"
    "ffb454;"
    "--brown:#d0a878;--green:#4fd1a5;--red:#ff7d9c;--purple:#c39bff;--teal:#4fd8ea}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,'Segoe "
    "UI',Roboto,"
    "'Noto Sans','DejaVu Sans',sans-serif;-webkit-text-size-adjust:100%}"
    "main{max-width:1120px;margin:0 auto;padding:24px 20px 64px}"
    "h1{font-size:1.75rem;line-height:1.2;margin:8px 0 4px}h2{font-size:1.3rem;margin:48px 0 "
    "8px;line-height:1.3}"
    "h3{font-size:1.02rem;margin:24px 0 8px}p{margin:6px 0 12px;max-width:76ch}"
    ".soft,figcaption,.note{color:var(--soft)}.note{font-size:.9rem}"
    "nav{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:.92rem;margin:12px 0 0}a{color:var(--accent)}"
    ".scroll{overflow-x:auto;margin:8px 0 12px;background:var(--card);border:1px solid "
    "var(--line);border-radius:10px}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.92rem}"
    "th,td{padding:7px 12px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}"
    "tbody tr:last-child td,tbody tr:last-child th{border-bottom:0}thead "
    "th{font-weight:600;color:var(--soft);vertical-align:bottom}"
    "th:first-child,td:first-child{text-align:left;position:sticky;left:0;background:var(--card)}"
    "tbody th{font-weight:500}.best{font-weight:700}.pm{color:var(--soft);font-weight:400}"
    ".up{color:var(--up);font-weight:600}.down{color:var(--down);font-weight:600}"
    ".tag{font-size:.74rem;border:1px solid var(--line);border-radius:99px;padding:1px 7px;color:var(--soft);"
    "margin-left:6px;white-space:nowrap}"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,260px),1fr));gap:12px;margin:"
    "12px 0}"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px}"
    ".card b.big{display:block;font-size:1.7rem;line-height:1.2;font-variant-numeric:tabular-nums}"
    ".card .label{color:var(--soft);font-size:.88rem}"
    ".plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,310px),1fr));gap:12px;margin:"
    "8px 0}"
    "figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:10px;padding:10px "
    "10px 4px;"
    "break-inside:avoid}figcaption{font-size:.88rem;font-weight:600;padding:0 4px 4px}"
    "figure svg{display:block;width:100%;height:auto;max-width:560px;margin:0 auto}"
    "svg text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',sans-serif}"
    ".legend{display:flex;flex-wrap:wrap;gap:2px 16px;font-size:.88rem;margin:6px "
    "0;padding:0;list-style:none}"
    ".legend "
    "i{display:inline-block;width:14px;height:4px;border-radius:2px;margin-right:6px;vertical-align:middle}"
    ".sample{display:grid;grid-template-columns:132px 1fr;gap:14px;align-items:start}"
    ".sample.bare{grid-template-columns:1fr}.sample "
    "img{width:132px;border-radius:6px;background:#fff;display:block}"
    ".sample p{margin:0 0 6px;overflow-wrap:anywhere;font-size:.94rem}.sample "
    ".small{font-size:.84rem;color:var(--soft)}"
    ".answers{font-size:.82rem;grid-column:1/-1}.answers th,.answers td{padding:3px 8px 3px "
    "0;white-space:normal;"
    "text-align:left;background:none;border:0;position:static;vertical-align:top}"
    ".answers td{overflow-wrap:anywhere}"
    ".samples{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:12px}"
    "@media(max-width:520px){.sample{grid-template-columns:88px "
    "1fr}.sample img{width:88px}"
    "main{padding:16px 14px 48px}th,td{padding:6px 9px}.tag{display:block;width:max-content;margin:2px 0 0}}"
    ".facts{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;font-size:.92rem}"
    ".facts dt{color:var(--soft)}.facts dd{margin:0;overflow-wrap:anywhere}"
    "details{margin:8px 0}summary{cursor:pointer;color:var(--accent)}"
    "pre{overflow-x:auto;font-size:.8rem;line-height:1.4;background:var(--card);border:1px solid var(--line);"
    "border-radius:10px;padding:12px}"
    "@media "
    "print{:root{color-scheme:light}body{font-size:10.5pt;background:#fff}main{max-width:none;padding:0}nav{"
    "display:none}"
    ".scroll{overflow:visible}th,td{padding:3px 6px;font-size:8.5pt}h2{break-after:avoid;margin-top:24px}"
    ".card,.sample,tr{break-inside:avoid}}"
    /* clang-format off */
    THEME(31, 36, 48, "rgb( 31,  36,  48)", "ink")
    THEME(92, 100, 112, "rgb( 92, 100, 112)", "soft")
    THEME(227, 230, 234, "rgb(227, 230, 234)", "line")
    THEME(125, 133, 144, "rgb(125, 133, 144)", "grey")
    THEME(47, 111, 222, "rgb( 47, 111, 222)", "blue")
    THEME(217, 122, 0, "rgb(217, 122,   0)", "orange")
    THEME(141, 106, 63, "rgb(141, 106,  63)", "brown")
    THEME(18, 144, 107, "rgb( 18, 144, 107)", "green")
    THEME(209, 56, 92, "rgb(209,  56,  92)", "red")
    THEME(138, 79, 208, "rgb(138,  79, 208)", "purple")
    THEME(0, 147, 168, "rgb(  0, 147, 168)", "teal");
/* clang-format on */
