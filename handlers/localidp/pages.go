package localidp

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"codeberg.org/althing/althing/governance"
	"golang.org/x/text/secure/precis"
)

// MinPassword is the least number of characters of a password.
const MinPassword = 10

const (
	maxPassword = 1000 // bytes; a hash of more would be a door for floods
	maxName     = 40
	maxForm     = 16 << 10
)

// SignInForm is the form for name and password as it is shown. A password is
// never sent back.
type SignInForm struct {
	Action   string // where the form goes
	Request  string // hidden field "request"
	Register string // address of the form for a new account
	Name     string // as it was typed, field "name"
	Problem  string // for the whole form
}

// RegisterForm is the form for a new account as it is shown. Its fields are
// "name", "password" and "again".
type RegisterForm struct {
	Action        string
	Request       string
	SignIn        string // address of the form for who has an account
	Name          string
	NameWrong     string
	PasswordWrong string
	AgainWrong    string
	Problem       string
}

// SignIn answers the page for name and password.
func (p *Provider) SignIn(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	req, err := p.request(r, r.FormValue("request"))
	if err != nil {
		p.cfg.Pages.Fail(w, r, err)
		return
	}
	form := SignInForm{
		Action: p.cfg.SignInPath(req.id), Request: req.id, Register: p.cfg.RegisterPath(req.id), Name: r.PostFormValue("name"),
	}
	if r.Method != http.MethodPost {
		p.cfg.Pages.SignIn(w, r, http.StatusOK, form)
		return
	}
	name, _ := cleanName(form.Name)
	if p.limited(w, r, name) {
		form.Problem = "There were too many tries with this name or from your network. Please wait ten minutes."
		p.cfg.Pages.SignIn(w, r, http.StatusTooManyRequests, form)
		return
	}
	account, err := p.cfg.Accounts.ByName(r.Context(), name)
	hashed := account.Password
	if governance.Is(err, governance.NotFound) {
		hashed, err = nobody, nil
	}
	right := false
	if err == nil {
		right, err = p.hasher.matches(r.Context(), password(r, "password"), hashed)
	}
	switch {
	case err != nil:
		p.cfg.Pages.Fail(w, r, err)
	case !right || account.ID == 0:
		form.Problem = "Name or password is wrong."
		p.cfg.Pages.SignIn(w, r, http.StatusUnprocessableEntity, form)
	default:
		err := p.cfg.Accounts.SignIn(r.Context(), req.id, account.ID)
		p.goOn(w, r, req, err)
	}
}

// limited counts a try by address and by name.
func (p *Provider) limited(w http.ResponseWriter, r *http.Request, name string) bool {
	byAddress := p.attempts.OnLimit(w, r, "address "+p.cfg.Address(r))
	return p.attempts.OnLimit(w, r, "name "+name) || byAddress
}

// Register answers the page for a new account, and signs in with it.
func (p *Provider) Register(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	req, err := p.request(r, r.FormValue("request"))
	if err != nil {
		p.cfg.Pages.Fail(w, r, err)
		return
	}
	form := RegisterForm{
		Action: p.cfg.RegisterPath(req.id), Request: req.id, SignIn: p.cfg.SignInPath(req.id), Name: r.PostFormValue("name"),
	}
	if r.Method != http.MethodPost {
		p.cfg.Pages.Register(w, r, http.StatusOK, form)
		return
	}
	name, wrong := cleanName(form.Name)
	first, again := password(r, "password"), password(r, "again")
	form.NameWrong, form.PasswordWrong = wrong, weak(first, name)
	if form.PasswordWrong == "" && first != again {
		form.AgainWrong = "The two passwords differ. Please type both again."
	}
	if form.NameWrong+form.PasswordWrong+form.AgainWrong != "" {
		p.cfg.Pages.Register(w, r, http.StatusUnprocessableEntity, form)
		return
	}
	if p.made.OnLimit(w, r, p.cfg.Address(r)) {
		form.Problem = "Too many accounts were made from your network. Please try again in an hour."
		p.cfg.Pages.Register(w, r, http.StatusTooManyRequests, form)
		return
	}
	hashed, err := p.hasher.hash(r.Context(), first)
	if err != nil {
		p.cfg.Pages.Fail(w, r, err)
		return
	}
	account, err := p.cfg.Accounts.Register(r.Context(), name, hashed)
	if governance.Is(err, governance.Invalid) {
		form.NameWrong = "Somebody has this name already. Please take another."
		p.cfg.Pages.Register(w, r, http.StatusUnprocessableEntity, form)
		return
	}
	if err == nil {
		err = p.cfg.Accounts.SignIn(r.Context(), req.id, account)
	}
	p.goOn(w, r, req, err)
}

// goOn sends the browser back into the protocol.
func (p *Provider) goOn(w http.ResponseWriter, r *http.Request, req *authRequest, err error) {
	if err != nil {
		p.cfg.Pages.Fail(w, r, err)
		return
	}
	http.Redirect(w, r, p.prefix+"/authorize/callback?id="+url.QueryEscape(req.id), http.StatusSeeOther)
}

// password reads a password as PRECIS compares it (OpaqueString, RFC 8265):
// the same whether the keyboard composes accents or not.
func password(r *http.Request, field string) string {
	typed := r.PostFormValue(field)
	if same, err := precis.OpaqueString.String(typed); err == nil {
		return same
	}
	return typed
}

// weak says what is wrong with a new password, or "".
func weak(password, name string) string {
	switch n := utf8.RuneCountInString(password); {
	case n == 0:
		return "Please choose a password."
	case n < MinPassword:
		return "The password has fewer than ten characters. Several words in a row make a good one."
	case len(password) > maxPassword:
		return "The password is longer than the server accepts."
	case name != "" && strings.Contains(strings.ToLower(password), name) && n < MinPassword+utf8.RuneCountInString(name):
		return "The password is little more than the name. Please choose another."
	case strings.Count(password, password[:1]) == len(password):
		return "The password is one character repeated. Please choose another."
	}
	return ""
}

// cleanName returns a name in the form in which names are compared (PRECIS
// UsernameCaseMapped, RFC 8265), restricted to ASCII letters, digits and
// "-._", or says what is wrong with it. What people read on the site is the
// member's name, chosen when joining, and free of these limits.
func cleanName(typed string) (name, wrong string) {
	name, err := precis.UsernameCaseMapped.String(strings.TrimSpace(typed))
	if strings.TrimSpace(typed) == "" {
		return "", "Please choose a name."
	}
	if err != nil || strings.ContainsFunc(name, notInNames) || !strings.ContainsFunc(name, isLetter) {
		return "", "The name for signing in is made of letters a to z, digits, dot, hyphen and underline, and has a letter."
	}
	if len(name) > maxName {
		return "", "The name is longer than 40 characters."
	}
	return name, ""
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' }

func notInNames(r rune) bool {
	return !isLetter(r) && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
}
