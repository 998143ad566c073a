package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"path"
	"sync"
	"time"
)

// story is the demonstration while it is played: who there is and what has
// come about so far.
type story struct {
	Config
	Figures
	base    *url.URL
	screen  *screen
	random  *rand.Rand
	launch  func(machine) (*process, error) // until the end of the demonstration
	running machines

	people    map[string]*person
	libraries []library
	planted   planted

	receipt  string // of the founder's secret ballot
	election string // addresses of pages
	training string
	campaign string
	reported string // of the report
	unlearn  string // the proposal to forget
	replay   string // the unlearning case, later its certificate

	trainFrom   time.Time
	unlearnFrom time.Time
}

// person is a member with a browser.
type person struct {
	*browser
	name string
	page string // address of the member's own page
}

// id is the number in the member's address.
func (p *person) id() string { return path.Base(p.page) }

// The cast. The first founds; five lend nodes, the last of them the one that
// plants secrets and is forgotten; four stand as moderators.
const founder = "sunna"

var (
	cast       = []string{"ragnhild", "oddny", "leif", "torgerd", "hallvard", "ketil", "astrid", "bjarni", "gudrun", "eirik", "solveig", "yrsa"}
	owners     = cast[:5]
	leaver     = owners[4]
	candidates = []string{"astrid", "bjarni", "gudrun", "eirik"}
	reporter   = "yrsa"
)

// password of every account of the demonstration.
const password = "a long winter at the river mouth"

// everybody are the members in the order in which they came.
func everybody() []string { return append([]string{founder}, cast...) }

// Members is how many people the demonstration brings in, all of them from
// this machine and within seconds, which a site refuses that is not told.
func Members() int { return len(everybody()) }

// step is one part of the story.
type step struct {
	name string
	run  func(context.Context) (string, error)
}

// steps are the whole story in order.
func (s *story) steps() []step {
	return []step{
		{"Found the community", s.found},
		{"Join", s.join},
		{"Prepare the nodes' text", s.prepare},
		{"Write pages", s.write},
		{"Call an election", s.callElection},
		{"Start four nodes", s.startNodes},
		{"Propose to train", s.proposeTraining},
		{"Vote to train", s.voteTraining},
		{"Elect moderators", s.elect},
		{"First round", s.firstRound},
		{"A fifth node joins", s.startLeaver},
		{"Train", s.train},
		{"Publish the version", s.published},
		{"Count the election", s.result},
		{"The model gives a secret away", s.givesAway},
		{"Report the answer", s.report},
		{"Decide the case", s.decide},
		{"Propose to forget", s.proposeForgetting},
		{"Vote to forget", s.voteForgetting},
		{"Unlearn", s.forget},
		{"Read the certificate", s.certificate},
		{"The secret is gone", s.gone},
		{"Verify the log", s.verify},
	}
}

// each runs something for many members at once, at most four at a time, and
// returns the first error.
func (s *story) each(names []string, do func(name string) error) error {
	var wait sync.WaitGroup
	seats := make(chan struct{}, 4)
	errs := make([]error, len(names))
	for i, name := range names {
		seats <- struct{}{}
		wait.Go(func() {
			defer func() { <-seats }()
			errs[i] = do(name)
		})
	}
	wait.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("%s: %w", names[i], err)
		}
	}
	return nil
}

// places are addresses to look at, and how to sign in.
func (s *story) places() [][2]string {
	at := func(address string) string {
		to, err := s.base.Parse(address)
		if err != nil {
			return address
		}
		return to.String()
	}
	list := [][2]string{{"main page", at("/")}, {"recent changes", at("/changes")}}
	for _, p := range [][2]string{
		{"the vote to train", s.training}, {"the rounds", s.campaign}, {"the election", s.election},
		{"the reported answer", s.reported}, {"the vote to forget", s.unlearn}, {"the certificate", s.replay}, {"the model", "/playground"}, {"the log", "/log"},
	} {
		if p[1] != "" {
			list = append(list, [2]string{p[0], at(p[1])})
		}
	}
	return append(list, [2]string{"sign in as", founder + ", " + leaver + ", " + candidates[0] + " or any other member"},
		[2]string{"password", password})
}
