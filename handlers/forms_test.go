package handlers

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/audit/audittest"
	"codeberg.org/althing/althing/governance/elections"
	"codeberg.org/althing/althing/governance/envelope"
	"codeberg.org/althing/althing/governance/members"
	"codeberg.org/althing/althing/governance/members/memberstest"
	"codeberg.org/althing/althing/governance/moderation"
	"codeberg.org/althing/althing/governance/pages"
	"codeberg.org/althing/althing/governance/policies"
	"codeberg.org/althing/althing/governance/proposals"
	"codeberg.org/althing/althing/governance/talk"
	"codeberg.org/althing/althing/governance/voting"
	"codeberg.org/althing/althing/training/models"
	"filippo.io/age"
)

// plainSessions sign in whoever the cookie of the request names.
type plainSessions struct{}

const asMember = "member"

func (plainSessions) Wrap(next http.Handler) http.Handler { return next }

func (plainSessions) Member(r *http.Request) governance.MemberID {
	cookie, err := r.Cookie(asMember)
	if err != nil {
		return 0
	}
	id, _ := strconv.ParseInt(cookie.Value, 10, 64)
	return governance.MemberID(id)
}

// visit is a site with members who fill in its forms without script.
type visit struct {
	*audittest.Bench
	t       *testing.T
	site    *Site
	handler http.Handler
	members []governance.MemberID
	key     *age.X25519Identity
	logged  *bytes.Buffer
}

func newVisit(t *testing.T, people int) *visit {
	t.Helper()
	b := audittest.New(t)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	offices, err := elections.New(b.Trail, b.Pool, key.Recipient().String())
	if err != nil {
		t.Fatal(err)
	}
	promiser, err := envelope.NewPromiser("althing.test/log", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	v := &visit{Bench: b, t: t, key: key, logged: &bytes.Buffer{}}
	v.site = New(Stores{
		Log: b.Log, Members: members.New(b.Trail, b.Pool, b.Now), Pages: pages.New(b.Trail, b.Pool), Policies: policies.New(b.Trail, b.Pool),
		Proposals: proposals.New(b.Trail, b.Pool, proposals.Kinds{}), Voting: voting.New(b.Trail, b.Pool),
		Elections: offices.Promising(promiser), Moderation: moderation.New(b.Trail, b.Pool), Talk: talk.New(b.Trail, b.Pool),
		Models: models.New(b.Trail, b.Pool),
	}, slog.New(slog.NewTextHandler(v.logged, &slog.HandlerOptions{Level: slog.LevelDebug})), b.Now)
	v.handler = v.site.Handler(Parts{Sessions: plainSessions{}})
	names := make([]string, people)
	for i := range names {
		names[i] = fmt.Sprintf("Member %c%d", 'A'+i%26, i)
	}
	v.members = memberstest.Join(t, b, names...)
	return v
}

// get reads a page as the member with an index, -1 for a visitor.
func (v *visit) get(who int, path string) string {
	v.t.Helper()
	status, body, _ := v.send(who, http.MethodGet, path, nil)
	if status != http.StatusOK {
		v.t.Fatalf("GET %s: %d, want 200\n%s", path, status, said(body))
	}
	return body
}

// post sends a form with a fresh operation unless it has one.
func (v *visit) post(who int, path string, want int, fields ...string) (string, string) {
	v.t.Helper()
	form := url.Values{"op": {newOperation()}}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	status, body, to := v.send(who, http.MethodPost, path, form)
	if status != want {
		v.t.Fatalf("POST %s %v: %d, want %d\n%s", path, form, status, want, said(body))
	}
	return body, to
}

func (v *visit) send(who int, method, path string, form url.Values) (int, string, string) {
	v.t.Helper()
	r := httptest.NewRequestWithContext(v.t.Context(), method, path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if who >= 0 {
		r.AddCookie(&http.Cookie{Name: asMember, Value: v.members[who].String()})
	}
	w := httptest.NewRecorder()
	v.handler.ServeHTTP(w, r)
	return w.Code, html.UnescapeString(w.Body.String()), w.Header().Get("Location")
}

var main = regexp.MustCompile(`(?s)<main.*</main>`)
var tags = regexp.MustCompile(`(?s)<[^>]*>\s*`)

// said is the text of a page, for messages of failed tests.
func said(body string) string {
	return tags.ReplaceAllString(main.FindString(body), " ")
}

// wants fails for each text that a page does not have.
func (v *visit) wants(what, body string, texts ...string) {
	v.t.Helper()
	for _, text := range texts {
		if !strings.Contains(body, text) {
			v.t.Errorf("%s does not say %q\n%s", what, text, said(body))
		}
	}
}

// hidden is the value of a hidden field.
func (v *visit) hidden(body, name string) string {
	v.t.Helper()
	for _, input := range regexp.MustCompile(`<input[^>]*>`).FindAllString(body, -1) {
		if strings.Contains(input, `name="`+name+`"`) {
			return regexp.MustCompile(`value="([^"]*)"`).FindStringSubmatch(input)[1]
		}
	}
	v.t.Fatalf("the page has no field %q\n%s", name, said(body))
	return ""
}

// moderator gives a member the office without an election.
func (v *visit) moderator(who int) {
	memberstest.Grant(v.t, v.Bench, v.members[who], members.Moderators, time.Time{})
}
