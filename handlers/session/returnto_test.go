package session

import (
	"net/url"
	"strings"
	"testing"
)

func TestReturnTo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ raw, want string }{
		{"/", "/"},
		{"/proposals/7?x=1&y=a%20b#top", "/proposals/7?x=1&y=a%20b#top"},
		{"/wiki/A%2FB", "/wiki/A%2FB"},
		{"/wiki/Ä", "/wiki/%C3%84"},
		{"", "/"},
		{"proposals", "/"},
		{"//evil.test", "/"},
		{"///evil.test", "/"},
		{"/\\evil.test", "/"},
		{"\\\\evil.test", "/"},
		{"/\t/evil.test", "/"},
		{"/\n/evil.test", "/"},
		{"https://evil.test/", "/"},
		{"https:evil.test", "/"},
		{"javascript:alert(1)", "/"},
		{"/%2Fevil.test", "/"},
		{"/%5Cevil.test", "/"},
		{" /x", "/"},
		{"?next=//evil.test", "/"},
		{"/x" + strings.Repeat("y", 1000), "/"},
		{"/%zz", "/"},
	} {
		if got := ReturnTo(tt.raw); got != tt.want {
			t.Errorf("ReturnTo(%q) = %q, want %q", tt.raw, got, tt.want)
		}
	}
}

// FuzzReturnTo: however a browser reads the answer, it stays on the site.
func FuzzReturnTo(f *testing.F) {
	for _, s := range []string{"/", "//x", "/\\x", "/a/../..//x", "/%2f/x", "/.//x", "/..//x", "/\u2028/x", "/x?y#z", "/;//x", "/@x"} {
		f.Add(s)
	}
	site, _ := url.Parse("https://althing.test/sign-in")
	f.Fuzz(func(t *testing.T, raw string) {
		got := ReturnTo(raw)
		// Browsers drop tabs and line ends and take a backslash for a slash.
		for _, reading := range []string{got, strings.NewReplacer("\t", "", "\r", "", "\n", "", "\\", "/").Replace(got)} {
			u, err := site.Parse(reading)
			if err != nil || u.Host != "althing.test" || u.Scheme != "https" || u.User != nil {
				t.Errorf("ReturnTo(%q) = %q leads to %v, %v", raw, got, u, err)
			}
			if !strings.HasPrefix(reading, "/") || strings.HasPrefix(reading, "//") {
				t.Errorf("ReturnTo(%q) = %q is no local path", raw, got)
			}
		}
		if again := ReturnTo(got); again != got {
			t.Errorf("ReturnTo(%q) = %q, and of that %q", raw, got, again)
		}
	})
}
