package handlers

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/web/href"
	"codeberg.org/althing/althing/web/layout"
	"codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
	"github.com/a-h/templ"
)

// answer is what a handler returns: a page, or a redirect after an act.
type answer struct {
	page   templ.Component
	status int // 0 is 200
	to     string
}

func show(page templ.Component) answer { return answer{page: page} }

// again shows a form as it was typed, with its problems.
func again(page templ.Component) answer {
	return answer{page: page, status: http.StatusUnprocessableEntity}
}

// seeOther ends an act that succeeded.
func seeOther(to string) answer { return answer{to: to} }

type handler func(w http.ResponseWriter, r *http.Request) (answer, error)

// page makes an http.Handler of a handler. Whatever goes wrong becomes a page
// here and nowhere else; a fault of ours is logged once and not shown.
func (s *Site) page(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if err := r.ParseForm(); err != nil {
				s.fail(w, r, governance.Errorf(governance.Invalid, "The form could not be read; it may have at most %d bytes.", maxForm))
				return
			}
		}
		keep, answered := s.keptPage(w, r)
		if answered {
			return
		}
		a, err := h(w, r)
		switch {
		case err != nil:
			s.fail(w, r, err)
		case a.to != "":
			s.kept.forget()
			http.Redirect(w, r, a.to, http.StatusSeeOther)
		case a.page != nil:
			body := s.write(w, r, max(a.status, http.StatusOK), a.page)
			if a.status == 0 && body != nil {
				keep(body)
			}
		}
	}
}

const maxForm = 2 << 20

// write renders into memory first, so that a page that fails half-way is an
// error page and not half a page. It returns what was rendered.
func (s *Site) write(w http.ResponseWriter, r *http.Request, status int, page templ.Component) []byte {
	var body bytes.Buffer
	if err := page.Render(r.Context(), &body); err != nil {
		s.log.ErrorContext(r.Context(), "page failed", slog.String("path", r.URL.Path), slog.Any("err", err))
		http.Error(w, "The page could not be made. Nothing was changed.", http.StatusInternalServerError)
		return nil
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body.Bytes()) // a reader who has gone is no error of ours
	}
	return body.Bytes()
}

// statuses of the kinds of refusal, with a heading for each.
var statuses = map[governance.Kind]struct {
	code  int
	title string
}{
	governance.Invalid:         {http.StatusUnprocessableEntity, "This could not be accepted"},
	governance.Unauthenticated: {http.StatusUnauthorized, "Sign in first"},
	governance.Forbidden:       {http.StatusForbidden, "You lack the right to do this"},
	governance.NotFound:        {http.StatusNotFound, "There is nothing here"},
	governance.Conflict:        {http.StatusConflict, "This is not possible now"},
	governance.TooMany:         {http.StatusTooManyRequests, "Too many requests"},
	governance.Unavailable:     {http.StatusServiceUnavailable, "Not available now"},
	governance.Full:            {http.StatusInsufficientStorage, "No space is left"},
}

// fail shows an error as a page.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	var refusal *governance.Error
	if errors.As(err, &refusal) {
		status := statuses[refusal.Kind]
		s.errorPage(w, r, status.code, status.title, refusal.Message)
		return
	}
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the reader has gone
	}
	s.log.ErrorContext(r.Context(), "request failed", slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Any("err", err))
	s.errorPage(w, r, http.StatusInternalServerError, "Something went wrong here",
		"The server met an error that is not your fault. If you sent a form, it may or may not have been carried out; sending the same form again does nothing twice.")
}

func (s *Site) errorPage(w http.ResponseWriter, r *http.Request, code int, title, lead string) {
	chrome, chromeErr := s.chrome(r, layout.Chrome{Title: title, NoIndex: true})
	if chromeErr != nil {
		http.Error(w, title+". "+lead, code)
		return
	}
	actions := []ui.Action{{Text: "Main page", Href: href.Home()}}
	if code == http.StatusUnauthorized || code == http.StatusForbidden && chrome.MemberID == 0 {
		actions = slices.Insert(actions, 0, ui.Action{Text: "Sign in", Href: href.SignIn(localReturn(r)), Look: "primary"})
	}
	s.write(w, r, code, pages.Error(pages.ErrorPage{
		Chrome: chrome, Status: statusLine(code), Lead: lead,
		Kept: written(r), KeptLabel: "What you wrote",
		Time: moment(s.now()), Actions: actions,
	}))
}

// written is what a person typed into a form that could not be carried out,
// so that nothing is lost with the error.
func written(r *http.Request) string {
	var texts []string
	for _, field := range []string{"text", "reason", "statement", "facts", "reasoning"} {
		if text := r.PostForm.Get(field); text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "\n\n")
}

func statusLine(code int) string {
	return strings.TrimSpace(strings.Join([]string{httpCode(code), http.StatusText(code)}, " "))
}

// localReturn is where to come back after signing in: the page itself, or the
// page that held the form.
func localReturn(r *http.Request) string {
	if r.Method == http.MethodGet {
		return r.URL.RequestURI()
	}
	return href.Home()
}

// problem returns the messages for a form's field if err belongs beside it.
// An Invalid error without a field belongs to the whole form, field "".
func problem(err error, field string) string {
	if several, ok := err.(interface{ Unwrap() []error }); ok { // a form may have several problems
		var texts []string
		for _, e := range several.Unwrap() {
			if text := problem(e, field); text != "" {
				texts = append(texts, text)
			}
		}
		return strings.Join(texts, " ")
	}
	var refusal *governance.Error
	if errors.As(err, &refusal) && refusal.Kind == governance.Invalid && refusal.Field == field {
		return refusal.Message
	}
	return ""
}

// problemField is the field that an error belongs beside, "" for none.
func problemField(err error) string {
	var refusal *governance.Error
	if errors.As(err, &refusal) {
		return refusal.Field
	}
	return ""
}

// wrongForm reports whether err is about what was typed, so that the form is
// shown again instead of an error page.
func wrongForm(err error) bool { return governance.Is(err, governance.Invalid) }
