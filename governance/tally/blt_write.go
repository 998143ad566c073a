package tally

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// WriteBLT writes the recount file of a poll. Other programs break on a quote
// or a line end inside a name, so a quote becomes a typographic one and a
// control character a space; a candidate is identified by its number.
func WriteBLT(w io.Writer, p Profile) error {
	if err := p.Check(); err != nil {
		return fmt.Errorf("write ballots: %w", err)
	}
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%d %d\n", len(p.Candidates), p.Seats)
	for _, c := range p.Withdrawn {
		fmt.Fprintf(out, "-%d\n", c+1)
	}
	for _, b := range p.Ballots {
		out.WriteString(strconv.FormatInt(b.Weight, 10))
		for _, group := range b.Ranks {
			sep := byte(' ')
			for _, c := range group {
				out.WriteByte(sep)
				out.WriteString(strconv.Itoa(c + 1))
				sep = '='
			}
		}
		out.WriteString(" 0\n")
	}
	out.WriteString("0\n")
	for _, name := range p.Candidates {
		fmt.Fprintf(out, "\"%s\"\n", plainName(name))
	}
	fmt.Fprintf(out, "\"%s\"\n", plainName(p.Title))
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write ballots: %w", err)
	}
	return nil
}

func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"':
			return '”'
		case unicode.IsControl(r):
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}
