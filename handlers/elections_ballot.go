package handlers

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/elections"
	"codeberg.org/althing/althing/web/href"
	webpages "codeberg.org/althing/althing/web/pages"
	"codeberg.org/althing/althing/web/ui"
)

// Ballots pass through this file in memory. Nothing here writes a ranking or
// a secret into an address, an error of the log, or a session.

func rankField(candidate int) string { return "rank-" + strconv.Itoa(candidate) }

// typedRanks are the number fields of a ballot, by candidate.
func typedRanks(r *http.Request, candidates []elections.Candidate) map[int]string {
	typed := map[int]string{}
	for _, c := range candidates {
		typed[c.Number] = r.PostForm.Get(rankField(c.Number))
	}
	return typed
}

// electionCheck shows a ranking in words before it is cast, with the secret
// from which its tracker will be made.
func (s *Site) electionCheck(_ http.ResponseWriter, r *http.Request) (answer, error) {
	id, err := pathID[governance.ElectionID](r, "id")
	if err != nil {
		return answer{}, err
	}
	candidates, err := s.Elections.Candidates(r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	ranking, err := elections.ParseRanks(typedRanks(r, candidates))
	if wrongForm(err) {
		return s.showElection(r, electionView{err: err})
	}
	if err != nil {
		return answer{}, err
	}
	names, err := s.Log.Names(r.Context(), candidateRefs(candidates))
	if err != nil {
		return answer{}, err
	}
	e, err := s.Elections.Get(r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	c := electionChrome(e, href.Election(int64(id)), 0)
	c.Title, c.NoIndex = fmt.Sprintf("Election %d: check your ballot", id), true
	chrome, err := s.chrome(r, c)
	if err != nil {
		return answer{}, err
	}
	page, err := checkView(candidates, ranking, names)
	page.Chrome, page.ID = chrome, int64(id)
	return show(webpages.ElectionCheck(page)), err
}

func checkView(candidates []elections.Candidate, ranking []int, names map[governance.Ref]string) (webpages.ElectionCheckPage, error) {
	secret, err := elections.NewSecret()
	if err != nil {
		return webpages.ElectionCheckPage{}, err
	}
	page := webpages.ElectionCheckPage{
		Operation: newOperation(), Secret: base64.RawURLEncoding.EncodeToString(secret),
		Sealing: ui.Plain("This server seals the ballot in its memory and keeps the sealed envelope. Whoever runs the server holds the key that opens envelopes at the close, and could open one before."),
	}
	byNumber := map[int]string{}
	for _, c := range candidates {
		byNumber[c.Number] = link(memberRef(c.Member), names).String()
	}
	for i, n := range ranking {
		page.Ranking = append(page.Ranking, webpages.ElectionRank{Candidate: int64(n), Name: byNumber[n], Rank: strconv.Itoa(i + 1)})
		delete(byNumber, n)
	}
	var rest []string
	for _, c := range candidates {
		if name, left := byNumber[c.Number]; left {
			rest = append(rest, name)
		}
	}
	if len(rest) > 0 {
		page.Unranked = "Not ranked: " + strings.Join(rest, ", ") + "."
	}
	return page, nil
}

// electionBallot casts the ranking. Its answer is the receipt itself and no
// redirect, because tracker and secret may stand in no address and no
// session; a reload sends the same operation and changes nothing.
func (s *Site) electionBallot(_ http.ResponseWriter, r *http.Request) (answer, error) {
	id, err := pathID[governance.ElectionID](r, "id")
	if err != nil {
		return answer{}, err
	}
	actor, err := s.actor(r)
	if err != nil {
		return answer{}, err
	}
	candidates, err := s.Elections.Candidates(r.Context(), id)
	if err != nil {
		return answer{}, err
	}
	ranking, err := elections.ParseRanks(typedRanks(r, candidates))
	if err != nil {
		return s.showElection(r, electionView{err: err})
	}
	secret, _ := base64.RawURLEncoding.DecodeString(r.PostForm.Get("secret")) // the act refuses one of another length
	tracker, _, err := s.Elections.Cast(r.Context(), actor, id, ranking, secret)
	if wrongForm(err) {
		return s.showElection(r, electionView{err: err})
	}
	if err != nil {
		return answer{}, err
	}
	promise, err := s.promise(r.Context(), id, actor.Member)
	if err != nil {
		return answer{}, err
	}
	return s.showElection(r, electionView{receipt: &webpages.ElectionReceipt{
		Tracker: base64.RawURLEncoding.EncodeToString(tracker[:]), Secret: r.PostForm.Get("secret"), Cast: moment(s.now()), Promise: promise,
	}})
}

// promise is what the platform promises a voter, nil where it signs nothing.
func (s *Site) promise(ctx context.Context, id governance.ElectionID, member governance.MemberID) (*webpages.ElectionPromise, error) {
	text, key, err := s.Elections.Promise(ctx, id, member)
	if governance.Is(err, governance.NotFound) {
		return nil, nil
	}
	return &webpages.ElectionPromise{Text: text, Key: key, URL: href.ElectionPromise(int64(id))}, err
}

// electionPromise is the promise for the reader's own ballot, as a file.
func (s *Site) electionPromise(w http.ResponseWriter, r *http.Request) {
	id, err := pathID[governance.ElectionID](r, "id")
	member := s.sessions.Member(r)
	if err == nil && member == 0 {
		err = governance.Errorf(governance.Unauthenticated, "Sign in to have the promise for your own ballot.")
	}
	text := ""
	if err == nil {
		text, _, err = s.Elections.Promise(r.Context(), id, member)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	download(w, "text/plain; charset=utf-8", id, "promise.txt")
	_, _ = io.WriteString(w, text) // a reader who has gone is no error of ours
}
