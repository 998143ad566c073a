package localdata

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Normalise returns the normal form of text (see the package comment). It is
// idempotent.
func Normalise(text string) string {
	text = norm.NFC.String(text)
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// split cuts text into parts of at most limit bytes that join to text again.
// It cuts after the last empty line that fits, else after the last line, else
// between two characters.
func split(text string, limit int) []string {
	var parts []string
	for len(text) > limit {
		head := text[:limit]
		cut := strings.LastIndex(head, "\n\n") + 2
		if cut < 2 {
			cut = strings.LastIndexByte(head, '\n') + 1
		}
		if cut < 1 {
			cut = limit
			for cut > limit-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
				cut--
			}
		}
		parts = append(parts, text[:cut])
		text = text[cut:]
	}
	return append(parts, text)
}
