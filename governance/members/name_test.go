package members

import (
	"testing"
	"unicode/utf8"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ typed, want string }{
		{"Ada", "Ada"},
		{"  Ada   Lovelace ", "Ada Lovelace"},
		{"Ａｄａ", "Ada"},
		{"Élodie", "Élodie"},
		{"Ольга", "Ольга"},
		{"李小龍", "李小龍"},
		{"محمد", "محمد"},
		{"R2-D2", "R2-D2"},
		{"o'Neill", "o'Neill"},
		{"Ada 🌱", "Ada 🌱"},
		{"", ""},
		{"   ", ""},
		{"42", ""},
		{"🌱", ""},
		{"Ada\u202eecarG", ""},
		{"Ada\u200f", ""},
		{"Ada\u2066x\u2069", ""},
		{"Ada\u061c", ""},
		{"A\u200bda", ""},
		{"A\u00adda", ""},
		{"A\x00da", ""},
		{"A\nda", ""},
		{"A\xffda", ""},
		{"<b>Ada</b>", ""},
		{"Ada/talk", ""},
		{"Ada@home", ""},
		{"Ada|x", ""},
		{"a former member", ""},
		{"A Fоrmer Mеmber", ""}, // Cyrillic о and е
		{"Mоderator", ""},
		{"M0derator", ""},
		{"ALTHING", ""},
		{"A1thing", ""},
		{"12345678901234567890123456789012345678ab", "12345678901234567890123456789012345678ab"},
		{"12345678901234567890123456789012345678abc", ""},
	} {
		got, skel, err := cleanName(tt.typed)
		if (err == nil) != (tt.want != "") || err == nil && (got != tt.want || skel == "") {
			t.Errorf("cleanName(%q) = %q, %q, %v; want %q", tt.typed, got, skel, err, tt.want)
		}
	}
}

func TestLookAlikes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		same bool
	}{
		{"Ada", "ADA", true},
		{"Ada", "Adа", true}, // Cyrillic а
		{"Ada", "Αda", true}, // Greek Α
		{"Ada", "Ádá", true},
		{"Ada", "A d.a", true},
		{"Paul", "PauI", true},
		{"Paul", "Pau1", true},
		{"Bob", "B0b", true},
		{"Arne", "Ame", true},
		{"Walter", "VValter", true},
		{"Hans", "Ηans", true},
		{"Нина", "Hинa", true},
		{"Ada", "Ida", false},
		{"Anna", "Ana", false},
		{"Jan", "Ian", false},
		{"李小龍", "李小明", false},
		{"Bob", "Rob", false},
	} {
		if got := skeleton(tt.a) == skeleton(tt.b); got != tt.same {
			t.Errorf("skeleton(%q) = %q, skeleton(%q) = %q: alike %v, want %v", tt.a, skeleton(tt.a), tt.b, skeleton(tt.b), got, tt.same)
		}
	}
}

// FuzzName: what is accepted stays as it is when it is cleaned again, and has
// a skeleton.
func FuzzName(f *testing.F) {
	for _, s := range []string{"Ada", "\u202e", "ﷺ a", "ŉ a", "a\u0301", "İ", "ß"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		name, skel, err := cleanName(typed)
		if err != nil {
			return
		}
		again, skel2, err := cleanName(name)
		if err != nil || again != name || skel2 != skel || skel == "" || !utf8.ValidString(name) || len(name) > 200 {
			t.Errorf("cleanName(%q) = %q, %q; again = %q, %q, %v", typed, name, skel, again, skel2, err)
		}
	})
}
