package ui

import (
	"context"
	"io"
	"strconv"

	"github.com/a-h/templ"
)

// constraints are the attributes that a one-line field and a text area share.
func constraints(t TextInput) templ.Attributes {
	a := templ.Attributes{}
	if t.MinLength > 0 {
		a["minlength"] = strconv.Itoa(t.MinLength)
	}
	if t.MaxLength > 0 {
		a["maxlength"] = strconv.Itoa(t.MaxLength)
	}
	if t.Lang != "" {
		a["lang"] = t.Lang
	}
	if t.Required {
		a["required"] = true
	}
	if t.ReadOnly {
		a["readonly"] = true
	}
	if t.Input.Problem != "" {
		a["aria-invalid"] = "true"
	}
	if by := t.describedBy(); by != "" {
		a["aria-describedby"] = by
	}
	return a
}

// newline writes the content of a text area. HTML drops one line break right
// after the opening tag, so one is written before the text, or a text that
// begins with an empty line would lose it at every saving.
func newline(text string) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, "\n"+templ.EscapeString(text))
		return err
	})
}
