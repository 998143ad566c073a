package handlers

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/elections"
	"codeberg.org/althing/althing/governance/envelope"
	"codeberg.org/althing/althing/web/href"
)

var electionJob = governance.Job("advance-election")

// advance ends a stage of election 1.
func (v *visit) advance(from string) {
	v.t.Helper()
	v.Travel(8 * 24 * time.Hour)
	if _, err := v.site.Elections.Advance(v.t.Context(), electionJob, 1, from); err != nil {
		v.t.Fatal(err)
	}
}

func (v *visit) certify() {
	v.t.Helper()
	sealed, err := v.site.Elections.Sealed(v.t.Context(), 1)
	if err != nil {
		v.t.Fatal(err)
	}
	opening, err := sealed.Open(v.key)
	if err != nil {
		v.t.Fatal(err)
	}
	if _, err := v.site.Elections.Certify(v.t.Context(), electionJob, 1, opening); err != nil {
		v.t.Fatal(err)
	}
}

// TestElectionByForms walks from the call to the result as members do, and
// looks for a secret and a ranking where they must not be.
func TestElectionByForms(t *testing.T) {
	t.Parallel()
	v := newVisit(t, 12)
	v.wants("list of no elections", v.get(0, href.Elections()), "No election yet.", "Call an election")
	v.get(0, href.ElectionNew())
	v.post(0, href.ElectionNew(), http.StatusUnprocessableEntity, "office", "founders")
	if _, to := v.post(0, href.ElectionNew(), http.StatusSeeOther, "office", "moderators"); to != href.Election(1) {
		t.Fatalf("called: to %s, want %s", to, href.Election(1))
	}
	v.post(1, href.ElectionNew(), http.StatusConflict, "office", "moderators")
	v.wants("election", v.get(0, href.Election(1)), "Nominations are open until", "whoever runs the server holds that key and could open a ballot")
	long := strings.Repeat("words ", 120)
	body, _ := v.post(0, href.ElectionStand(1), http.StatusUnprocessableEntity, "do", "stand", "statement", long)
	v.wants("refused statement", body, "at most 600 characters", long[:599])
	for who := range 4 {
		v.post(who, href.ElectionStand(1), http.StatusSeeOther, "do", "stand", "statement", "I would read every case.")
	}
	v.post(3, href.ElectionStand(1), http.StatusSeeOther, "do", "withdraw")
	v.post(-1, href.ElectionStand(1), http.StatusUnauthorized, "do", "stand", "statement", "x")

	v.advance(elections.Nomination)
	v.wants("ballot", v.get(5, href.Election(1)), `name="rank-1"`, `name="rank-3"`, "have not voted", "drawn by lot")
	if strings.Contains(v.get(-1, href.Election(1)), `name="rank-1"`) {
		t.Error("a visitor sees the ballot")
	}
	body, _ = v.post(5, href.ElectionCheck(1), http.StatusUnprocessableEntity, "rank-1", "2", "rank-2", "2", "rank-3", "9")
	v.wants("refused ranks", body, "You used the number 2 twice", `value="9"`)
	body, _ = v.post(5, href.ElectionCheck(1), http.StatusOK, "rank-3", "1", "rank-1", "2")
	v.wants("check", body, "Your ballot is not cast yet", "Not ranked: Member B1.")
	secret, op := v.hidden(body, "secret"), v.hidden(body, "op")
	cast := []string{"op", op, "secret", secret, "rank-3", "1", "rank-1", "2"}
	first, to := v.post(5, href.ElectionBallot(1), http.StatusOK, cast...)
	v.wants("receipt", first, secret, "Your ballot is cast.", "Show the receipt to nobody")
	second, _ := v.post(5, href.ElectionBallot(1), http.StatusOK, cast...)
	tracker := trackerOf(t, first)
	if again := trackerOf(t, second); again != tracker || to != "" {
		t.Errorf("sent twice: tracker %s and %s, redirect %q; want the same and none", tracker, again, to)
	}
	v.promiseByForms(first, second)
	v.post(5, href.ElectionBallot(1), http.StatusConflict, "op", op, "secret", secret, "rank-2", "1")
	v.post(5, href.ElectionBallot(1), http.StatusUnprocessableEntity, "rank-2", "1")
	v.wants("election after voting", v.get(5, href.Election(1)), "You have voted.")
	if strings.Contains(v.get(5, href.Election(1)), tracker) {
		t.Error("the tracker is shown a second time")
	}
	v.wants("roll", v.get(-1, href.ElectionRoll(1)), v.members[5].String()+","+v.Now().Format("2006-01-02"))
	v.resultByForms(tracker)
	if logged := v.logged.String(); strings.Contains(logged, secret) || strings.Contains(logged, tracker) || strings.Contains(logged, "rank-") {
		t.Errorf("the server's log speaks of a ballot: %s", logged)
	}
}

// promiseByForms reads the promise of a receipt and of its repetition, and
// again as a file, which nobody else gets.
func (v *visit) promiseByForms(receipts ...string) {
	v.t.Helper()
	file := v.get(5, href.ElectionPromise(1))
	key := regexp.MustCompile(`althing\.test/log\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+`)
	for _, receipt := range receipts {
		v.wants("receipt", receipt, file)
		promise, err := envelope.OpenPromise([]byte(file), key.FindString(receipt))
		if err != nil || promise.Poll != 1 || !promise.By.After(v.Now()) {
			v.t.Errorf("promise %q opens to %+v, %v; want poll 1, by a later time", file, promise, err)
		}
	}
	for who, want := range map[int]int{-1: http.StatusUnauthorized, 6: http.StatusNotFound} {
		if status, _, _ := v.send(who, http.MethodGet, href.ElectionPromise(1), nil); status != want {
			v.t.Errorf("promise asked by %d: %d, want %d", who, status, want)
		}
	}
}

// resultByForms ends the election and reads its result.
func (v *visit) resultByForms(tracker string) {
	v.t.Helper()
	if status, _, _ := v.send(5, http.MethodGet, href.ElectionResult(1), nil); status != http.StatusConflict {
		v.t.Errorf("result before the close: %d, want 409", status)
	}
	v.advance(elections.Voting)
	v.wants("election while it is counted", v.get(5, href.Election(1)), "The ballot is closed.")
	v.certify()
	v.wants("election with a result", v.get(5, href.Election(1)), "See the result")
	v.wants("result", v.get(-1, href.ElectionResult(1)), "Elected: ", "Of 12 members on the roll, 1 voted", "Meek STV", "Ties fall in this order", "Count sheet")
	body, _ := v.post(5, href.ElectionResult(1), http.StatusOK, "receipt", " "+tracker+" ")
	v.wants("look-up", body, "Your ballot is counted.", "line 1 of 1")
	body, _ = v.post(5, href.ElectionResult(1), http.StatusOK, "receipt", "nonsense")
	v.wants("look-up of nothing", body, "not in the list")
	v.wants("list", v.get(-1, href.ElectionList(1)), tracker+",3 1")
	v.wants("BLT", v.get(-1, href.ElectionBallots(1)), "3 3\n1 3 1 0\n0\n", `"Member A0"`)
	v.wants("sheet", v.get(-1, href.ElectionSheet(1)), "candidate,first preferences", "Sum,1.00000")
	v.wants("elections", v.get(-1, href.Elections()), "certified", "Member C2")
}

func trackerOf(t *testing.T, body string) string {
	t.Helper()
	_, rest, found := strings.Cut(body, `aria-label="Tracker">`)
	tracker, _, ends := strings.Cut(rest, "<")
	if !found || !ends || len(tracker) != 43 {
		t.Fatalf("no tracker on the page: %q", tracker)
	}
	return tracker
}
