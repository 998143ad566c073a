package members

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"codeberg.org/althing/althing/governance"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

// A name has at least one and at most this many characters.
const maxName = 40

// cleanName returns a name in the one form that is kept, and its skeleton.
// The form is that of the Nickname profile of PRECIS (RFC 8266): NFKC, single
// spaces, no control characters.
func cleanName(typed string) (name, skel string, err error) {
	if !utf8.ValidString(typed) {
		return "", "", governance.FieldErrorf("name", "The name is not valid text. Please type it again.")
	}
	for _, r := range typed {
		if unicode.Is(unicode.Bidi_Control, r) {
			return "", "", governance.FieldErrorf("name", "The name has an invisible character that turns the direction of writing. Please type the name anew.")
		}
	}
	name, err = precis.Nickname.String(typed)
	if err != nil || name == "" {
		return "", "", governance.FieldErrorf("name", "The name is empty or has a character that names cannot have, such as an invisible one.")
	}
	if n := utf8.RuneCountInString(name); n > maxName {
		return "", "", governance.FieldErrorf("name", "The name has %d characters; %d are possible.", n, maxName)
	}
	if !strings.ContainsFunc(name, unicode.IsLetter) {
		return "", "", governance.FieldErrorf("name", "A name needs at least one letter.")
	}
	for _, r := range name {
		if r == '/' || r == '@' || r == '<' || r == '>' || r == '[' || r == ']' || r == '|' || r == '#' {
			return "", "", governance.FieldErrorf("name", "A name cannot have the character %c, which means something on pages.", r)
		}
	}
	skel = skeleton(name)
	if skel == "" || reserved[skel] {
		return "", "", governance.FieldErrorf("name", "This name is kept for the platform itself. Please take another.")
	}
	return name, skel, nil
}

// reserved are skeletons that no member may have: they would speak for the
// platform or for nobody.
var reserved = func() map[string]bool {
	m := map[string]bool{}
	for _, name := range []string{
		FormerMember, "former member", "Althing", "The platform", "System", "Administrator", "Admin",
		"Moderator", "Moderators", "Steward", "Operator", "Founder", "Nobody", "Everybody", "Anonymous",
	} {
		m[skeleton(name)] = true
	}
	return m
}()

// skeleton folds what eyes confuse to one form, after the idea of Unicode
// Technical Standard 39, section 4: two names with the same skeleton look
// alike. The table is ours and small: letters of Greek, Cyrillic and Armenian
// and some others that are drawn as Latin ones, digits drawn as letters, and
// pairs that touch. Case, accents, spaces and punctuation do not count.
func skeleton(name string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(name) {
		if like, ok := alike[r]; ok { // before folding: Н looks like H, н like nothing
			b.WriteString(like)
			continue
		}
		for _, l := range strings.ToLower(string(r)) {
			switch like, ok := alike[l]; {
			case ok:
				b.WriteString(like)
			case unicode.IsLetter(l) || unicode.IsDigit(l):
				b.WriteRune(l)
			}
		}
	}
	return touching.Replace(b.String())
}

// touching are pairs that read as one letter when set close.
var touching = strings.NewReplacer("rn", "m", "vv", "w")

var alike = func() map[rune]string {
	m := map[rune]string{}
	for latin, others := range map[string]string{
		"a":  "аαɑⲁ",
		"b":  "ЬВΒвƄ",
		"c":  "сСϲⅽ",
		"d":  "ԁⅾ",
		"e":  "еЕΕҽ",
		"f":  "ſƒ",
		"g":  "ɡց",
		"h":  "һНΗհ",
		"j":  "јЈ",
		"k":  "кКΚκ",
		"l":  "1|IiіІΙιıӀוǀ!",
		"m":  "МΜⅿ",
		"n":  "Νոŋɴ",
		"o":  "0оОοΟσօסØøဝ〇",
		"p":  "рРρΡ",
		"q":  "ԛգ",
		"r":  "гᴦ",
		"s":  "ѕЅ5$",
		"t":  "ТΤтτ",
		"u":  "υսʋᴜ",
		"v":  "νѵᴠ",
		"w":  "ԝшωɯ",
		"x":  "хХΧχ",
		"y":  "уУΥγүʏ",
		"z":  "Ζᴢ2",
		"ss": "ß",
		"ae": "æÆӕ",
		"oe": "œŒ",
		"th": "þÞ",
	} {
		for _, r := range others {
			m[r] = latin
		}
	}
	return m
}()
