package wikitext

import (
	"regexp"
	"strings"
	"testing"
)

func TestRender(t *testing.T) {
	for _, tt := range []struct{ name, source, want string }{
		{"headings start at the second rank", "# One\n\ntext", "<h2 id=\"one\">One</h2>\n<p>text</p>\n"},
		{"table in a frame", "|a|b|\n|-|-|\n|1|2|", `<div class="table-scroll" role="region" aria-label="Table 1" tabindex="0"><table class="table">`},
		{"listing for the keyboard", "    a\n\nb\n\n    c", `<pre role="region" aria-label="Listing 2" tabindex="0"><code>c`},
		{"a section stays a section", "## Two", `<h2 id="two">Two</h2>`},
		{"relative link stays", "[p](/proposals/7)", `<a href="/proposals/7">p</a>`},
		{"foreign link is marked", "[x](https://example.org)", `<a href="https://example.org" rel="nofollow noreferrer">x</a>`},
		{"image is dropped", "![track](https://example.org/x.png)", "<p></p>"},
		{"raw HTML is dropped", "<b onclick=\"x()\">hi</b>", "<p>hi</p>"},
		{"script link is dropped", "[x](javascript:alert(1))", "<p>x</p>"},
		{"data link is dropped", "[x](data:text/html,hi)", "<p>x</p>"},
	} {
		got, err := Render(tt.source)
		if err != nil || !strings.Contains(got, tt.want) {
			t.Errorf("%s: Render(%q) = %q, %v; want it to contain %q", tt.name, tt.source, got, err, tt.want)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	for _, source := range []string{strings.Repeat("x", MaxSize+1), "\xff", "a\x00b"} {
		if _, err := Render(source); err == nil {
			t.Errorf("Render(%.20q): want an error", source)
		}
	}
}

var active = regexp.MustCompile(`(?i)<(script|style|iframe|img|svg|object|embed|form|input|meta|link|base)|\son\w+\s*=|javascript:|<[^>]+\sstyle=`)

func FuzzRender(f *testing.F) {
	for _, s := range []string{"# a", "<script>alert(1)</script>", "[a]: javascript:x\n[a]", "`<img src=x onerror=y>`", "<svg/onload=x>", "a[^1]\n\n[^1]: note", "|a|\n|-|"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		html, err := Render(source)
		if err != nil {
			return
		}
		for _, tag := range regexp.MustCompile(`<[^>]*>`).FindAllString(html, -1) {
			if active.MatchString(tag) {
				t.Fatalf("Render(%q) holds %q", source, tag)
			}
		}
	})
}

func TestContents(t *testing.T) {
	html, err := Render("# One *two*\n\n### Three & four\n")
	if err != nil {
		t.Fatal(err)
	}
	got := Contents(html)
	if len(got) != 2 || got[0].Text != "One two" || got[1].Level != 3 || got[1].Text != "Three &amp; four" {
		t.Errorf("Contents(%q) = %+v", html, got)
	}
}
