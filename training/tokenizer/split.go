package tokenizer

import (
	"unicode"
	"unicode/utf8"
)

// class is what the pattern of words asks of a character.
type class uint8

const (
	other class = iota
	space
	letter
	number
)

var ascii = func() (table [utf8.RuneSelf]class) {
	for c := range table {
		table[c] = classOf(rune(c))
	}
	return table
}()

func classOf(r rune) class {
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsNumber(r):
		return number
	case unicode.IsSpace(r):
		return space
	}
	return other
}

// classAt returns the class and the bytes of the character at i. A byte that
// belongs to no character is an "other" of its own, so that any bytes split.
func classAt(s string, i int) (class, int) {
	if s[i] < utf8.RuneSelf {
		return ascii[s[i]], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	return classOf(r), n
}

// run returns the end of the characters of class c that begin at i.
func run(s string, i int, c class) int {
	for i < len(s) {
		d, n := classAt(s, i)
		if d != c {
			break
		}
		i += n
	}
	return i
}

// wordEnd returns the length of the first word of s, which is not empty. Words
// are GPT-2's (Radford et al. 2019, encoder.py), tried in this order:
//
//	's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//
// A merge never crosses words, so they bound what a token can be.
func wordEnd(s string) int {
	if s[0] == '\'' && len(s) > 1 {
		switch s[1] {
		case 's', 't', 'm', 'd':
			return 2
		case 'r', 'v', 'l':
			if rest := s[1:min(3, len(s))]; rest == "re" || rest == "ve" || rest == "ll" {
				return 3
			}
		}
	}
	first, n := classAt(s, 0)
	if first != space {
		return run(s, n, first)
	}
	if s[0] == ' ' && len(s) > 1 {
		if c, n := classAt(s, 1); c != space {
			return run(s, 1+n, c)
		}
	}
	// Blanks: all but the last if a word follows, for that one may belong to it.
	last, end := 0, n
	for end < len(s) {
		c, n := classAt(s, end)
		if c != space {
			if last == 0 {
				return end
			}
			return last
		}
		last, end = end, end+n
	}
	return end
}

// pieces calls f with the words of text in order. With digits every number
// character is first cut out as a text of its own (the Digits pre-tokenizer
// with individual_digits).
func pieces(text string, digits bool, f func(word string)) {
	for len(text) > 0 {
		part := text
		if digits {
			part = text[:partEnd(text)]
		}
		text = text[len(part):]
		for len(part) > 0 {
			n := wordEnd(part)
			f(part[:n])
			part = part[n:]
		}
	}
}

// partEnd returns the length of the first number character, or of what comes
// before it.
func partEnd(s string) int {
	for i := 0; i < len(s); {
		c, n := classAt(s, i)
		if c == number {
			if i == 0 {
				return n
			}
			return i
		}
		i += n
	}
	return len(s)
}
