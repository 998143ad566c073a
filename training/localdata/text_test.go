package localdata

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestNormalise(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ""}, {"a \r\nb\t\rc  ", "a\nb\nc"}, {"\n\n  a\n\n\nb\n", "  a\n\n\nb"}, {"e\u0301", "é"}, {" \t\n \n", ""},
	} {
		if got := Normalise(tt.text); got != tt.want {
			t.Errorf("Normalise(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ae \t\r\n\x{301}\x{328}]{0,30}`)).Draw(t, "text")
		once := Normalise(text)
		if twice := Normalise(once); twice != once {
			t.Fatalf("Normalise(%q) = %q, again %q", text, once, twice)
		}
	})
}

func TestSplit(t *testing.T) {
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"short", []string{"short"}},
		{"aa\n\nbb\ncc\ndd", []string{"aa\n\n", "bb\ncc\ndd"}},
		{"aaaa\nbbbb\ncccc", []string{"aaaa\nbbbb\n", "cccc"}},
		{"0123456789abc", []string{"0123456789", "abc"}},
		{"01234567ééé", []string{"01234567é", "éé"}},
		{"012345678éé", []string{"012345678", "éé"}},
	} {
		if got := split(tt.text, 10); !slices.Equal(got, tt.want) {
			t.Errorf("split(%q, 10) = %q, want %q", tt.text, got, tt.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ab\né😀]{0,200}`).Draw(t, "text")
		limit := rapid.IntRange(4, 40).Draw(t, "limit")
		parts := split(text, limit)
		if strings.Join(parts, "") != text {
			t.Fatalf("split(%q, %d) = %q", text, limit, parts)
		}
		for _, p := range parts {
			if len(p) > limit || !utf8.ValidString(p) {
				t.Fatalf("split(%q, %d) has the part %q", text, limit, p)
			}
		}
	})
}

// The secrets are put together here, so that this file holds none.
func TestScrub(t *testing.T) {
	random := "Zx81" + "qPw7Lk2" + "Vb9TnR4" + "yHc6Jd3"
	block := "-----BEGIN RSA PRIVATE" + " KEY-----\nMIIabc\ndef\n-----END RSA PRIVATE" + " KEY-----"
	for _, tt := range []struct {
		kind, secret, text, want string
		line                     int
	}{
		{"private key", "MIIabc", "a\n" + block + "\nb", "a\n[secret]\n\n\n\nb", 2},
		{"private key", "MIIabc", "a\n" + block[:45], "a\n[secret]\n\n\n", 2},
		{"private key", "lQVY", "-----BEGIN PGP PRIVATE KEY" + " BLOCK-----\nlQVY\n-----END PGP PRIVATE KEY BLOCK-----", "[secret]\n\n", 1},
		{"AWS key", "AKIA", "id AKIA" + "IOSFODNN7EXAMPLE.", "id [secret].", 1},
		{"GitHub token", "ghp_", "x\n\n ghp_" + strings.Repeat("a1B2", 9), "x\n\n [secret]", 3},
		{"GitHub token", "github_pat_", "github_pat_" + strings.Repeat("a1_B", 9), "[secret]", 1},
		{"GitLab token", "glpat", "glpat-" + random, "[secret]", 1},
		{"Slack token", "xoxb", "xoxb-" + "123456789012-abcdef", "[secret]", 1},
		{"Stripe key", "sk_live", "sk_live_" + random, "[secret]", 1},
		{"Google key", "AIza", "AIza" + strings.Repeat("aB3_x", 7), "[secret]", 1},
		{"API key", "sk-", "sk-" + random, "[secret]", 1},
		{"age key", "AGE", "AGE-SECRET-KEY-1" + strings.Repeat("QPZRY9X8", 7), "[secret]", 1},
		{"JWT", "eyJ", "Bearer eyJhbGciOiJ" + "IUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc_def-123", "Bearer [secret]", 1},
		{"password in an address", "hunter2", "postgres://me:hunter2@host/db", "postgres://me:[secret]@host/db", 1},
		{"assigned secret", "tr0ub4dor", `password = "tr0ub4dor&3x"`, `password = "[secret]"`, 1},
		{"assigned secret", "9f86d081", `"api_key": "9f86d081884c7d65"`, `"api_key": "[secret]"`, 1},
		{"assigned random value", random, "foo: " + random + random[:10], "foo: [secret]", 1},
	} {
		got, found := scrub("f", tt.text, false)
		if got != tt.want || strings.Contains(got, tt.secret) || len(found) != 1 || found[0] != (Finding{"f", tt.line, tt.kind}) {
			t.Errorf("%s: scrub(%q) = %q %v, want %q", tt.kind, tt.text, got, found, tt.want)
		}
		if again, more := scrub("f", got, true); again != got || len(more) > 0 {
			t.Errorf("%s: scrubbed twice: %q %v", tt.kind, again, more)
		}
	}
}

func TestScrubLeavesTextAlone(t *testing.T) {
	for _, text := range []string{
		"The password is a word that you choose.",
		"password: changemechangeme",
		"token = strings.TrimSpace(line)",
		"accessToken := base64.Decode2(x41, y17)",
		"sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
		"-----BEGIN CERTIFICATE-----\nMIIabc\n-----END CERTIFICATE-----",
		"https://example.org/a:b@c?x=1",
		"write to ada@example.org",
		"SKETCH AKIA and ghp_ alone are nothing",
	} {
		if got, found := scrub("f", text, false); got != text || found != nil {
			t.Errorf("scrub(%q) = %q %v, want it left", text, got, found)
		}
	}
	got, found := scrub("f", "write to ada@example.org\nor bob.b@mail.example.org.", true)
	if want := "write to [secret]\nor [secret]."; got != want || len(found) != 2 || found[1].Line != 2 {
		t.Errorf("mail: %q %v, want %q", got, found, want)
	}
}

func TestScrubKeepsLines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`(a|\n|password=x1y2z3w4v5u6|-----BEGIN PRIVATE KEY-----|-----END PRIVATE KEY-----|b c){0,30}`).Draw(t, "text")
		got, found := scrub("f", text, true)
		if strings.Count(got, "\n") != strings.Count(text, "\n") {
			t.Fatalf("scrub(%q) = %q: other lines", text, got)
		}
		for _, f := range found {
			if !strings.Contains(strings.Split(got, "\n")[f.Line-1], Marker) {
				t.Fatalf("scrub(%q) = %q: no marker in line %d", text, got, f.Line)
			}
		}
	})
}

func TestLicenceOf(t *testing.T) {
	tag := "SPDX-License-" + "Identifier:"
	for _, tt := range []struct{ text, want string }{
		{"no line", ""},
		{"// " + tag + " MIT\npackage x", "MIT"},
		{"/* " + tag + " GPL-2.0-only */", "GPL-2.0-only"},
		{"<!-- " + tag + " CC-BY-SA-4.0 -->", "CC-BY-SA-4.0"},
		{"# " + tag + " Apache-2.0 OR MIT", "Apache-2.0 OR MIT"},
		{"# " + tag + " my secret diary", unknownLicence},
		{"# " + tag + " secret", unknownLicence},
		{"# " + tag + "\nnext line", unknownLicence},
		{"# " + tag + " MIT OR", unknownLicence},
		{strings.Repeat("x", 5000) + tag + " MIT", ""},
	} {
		if got := licenceOf(tt.text); got != tt.want {
			t.Errorf("licenceOf(%.40q) = %q, want %q", tt.text, got, tt.want)
		}
		if !licenceForm.MatchString(tt.want) {
			t.Errorf("a manifest would refuse the licence %q", tt.want)
		}
	}
}

func TestLanguagesFitAManifest(t *testing.T) {
	for _, name := range []string{"a.go", "A.MD", "secret.diary", "noextension"} {
		if got := languageOf(name); !languageForm.MatchString(got) || strings.Contains(got, "diary") {
			t.Errorf("languageOf(%q) = %q", name, got)
		}
	}
	for _, l := range languages {
		if !languageForm.MatchString(l) {
			t.Errorf("a manifest would refuse the language %q", l)
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add("a\r\n\r\npassword = x1y2z3w4v5u6\n", 20)
	f.Add("-----BEGIN PRIVATE KEY-----\nabc", 5)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if notText([]byte(text)) != "" {
			return
		}
		limit = 4 + max(0, limit)%1000
		r := &reading{bounds: Bounds{Record: limit}, report: &Report{}}
		r.cut("f.txt", text, Piece{}, true)
		for _, p := range r.pieces {
			if p.Text == "" || !utf8.ValidString(p.Text) || Normalise(p.Text) != p.Text {
				t.Fatalf("cut(%q, %d) gave %q", text, limit, p.Text)
			}
		}
	})
}
