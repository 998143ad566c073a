package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/rounds"
)

// spread is a distribution of durations in milliseconds.
type spread struct {
	N    int     `json:"n"`
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	Most float64 `json:"max"`
}

// String is a spread as a line shows it.
func (s spread) String() string {
	return fmt.Sprintf("p50 %.1f ms, p99 %.1f ms, worst %.1f ms of %d", s.P50, s.P99, s.Most, s.N)
}

// times collects durations from many goroutines.
type times struct {
	mu  sync.Mutex
	all []time.Duration
}

func (t *times) add(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, d)
}

func (t *times) spread() spread {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.all) == 0 {
		return spread{}
	}
	slices.Sort(t.all)
	at := func(q float64) float64 {
		return float64(t.all[min(len(t.all)-1, int(q*float64(len(t.all))))].Microseconds()) / 1000
	}
	return spread{len(t.all), at(0.5), at(0.99), at(1)}
}

// dispatchReport is what bench dispatch prints with --json. Its keys are read
// by scripts; durations are in milliseconds.
type dispatchReport struct {
	Nodes        int     `json:"nodes"`
	Reconnect    spread  `json:"reconnect"`        // every node asks at the same moment, on a new connection
	Polls        spread  `json:"polls"`            // how much later than it asked for an idle node is answered
	Pages        spread  `json:"pages"`            // while all nodes poll
	Tasks        int     `json:"tasks"`            // leased and declined
	Arrival      spread  `json:"arrival"`          // from the clock of the act that opens the round to the assignment at the node
	Complete     float64 `json:"complete_per_s"`   // tasks that were handed out, leased and answered
	Train        float64 `json:"train_per_s"`      // tasks of the round: leased, update uploaded and reported
	BusyPages    spread  `json:"pages_busy"`       // while all nodes lease and report at once
	Retries      int64   `json:"retries"`          // requests that the server had no time for and that came again
	ServerRSS    float64 `json:"server_rss_mib"`   // peak of the server's process
	ServerCPU    float64 `json:"server_cpu_s"`     // of the server's process
	PostgresCPU  float64 `json:"postgres_cpu_s"`   // of its database
	RoundSeconds float64 `json:"round_seconds"`    // from the opening of the round to its verdict
	Updates      int     `json:"updates"`          // taken in the round
	Errors       string  `json:"errors,omitempty"` // the first thing that went wrong
}

// benchDispatch serves nodes that compute nothing, over the real API, and says
// how long they and the readers of pages wait.
func benchDispatch(ctx context.Context, t Terminal, args []string) error {
	set := flags("bench dispatch", t)
	nodes := set.Int("nodes", 2000, "nodes that poll")
	seconds := set.Int("seconds", 20, "how long they only poll")
	parameters := set.Int("parameters", 1000, "of the model that the round trains")
	asJSON := set.Bool("json", false, "print one JSON object")
	rest, err := parse(set, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 || *nodes < 3 || *nodes > 4000 || *seconds < 1 || *parameters < 1 {
		return fmt.Errorf("%w: bench dispatch takes 3 to 4,000 nodes, a second at least and a parameter at least", errUsage)
	}
	b, err := newBenchCommunity(ctx, *parameters)
	if err != nil {
		return err
	}
	d := &dispatch{benchCommunity: b, report: dispatchReport{Nodes: *nodes}}
	err = d.run(ctx, *nodes, time.Duration(*seconds)*time.Second)
	if err = errors.Join(err, b.end(context.WithoutCancel(ctx))); err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(t.Out).Encode(d.report)
	}
	r := d.report
	fmt.Fprintf(t.Out, "%d nodes on one server\n", r.Nodes)
	for _, line := range []struct {
		what string
		s    spread
	}{
		{"all connect at once", r.Reconnect}, {"idle polls answered late by", r.Polls}, {"pages meanwhile", r.Pages},
		{"a round's task reaches its node", r.Arrival}, {"pages while all lease and report", r.BusyPages},
	} {
		fmt.Fprintf(t.Out, "%-36s %s\n", line.what, line.s)
	}
	fmt.Fprintf(t.Out, "lease and complete %.0f/s over %d tasks, %d requests came again\n", r.Complete, r.Tasks, r.Retries)
	fmt.Fprintf(t.Out, "a round of %d updates took %.2f s, %.0f updates/s with lease, upload and report\nserver: peak memory %.0f MiB, %.1f CPU-seconds, Postgres %.1f\n", r.Updates, r.RoundSeconds, r.Train, r.ServerRSS, r.ServerCPU, r.PostgresCPU)
	if r.Errors != "" {
		fmt.Fprintln(t.Out, "first error:", r.Errors)
	}
	return nil
}

// dispatch is one measurement.
type dispatch struct {
	*benchCommunity
	report  dispatchReport
	failed  atomic.Pointer[string]
	retried atomic.Int64
}

// trainers are those who train in the last part.
const trainers = 100

// run measures in four parts: all come at once, all wait, all decline a task,
// some train.
func (d *dispatch) run(ctx context.Context, n int, idle time.Duration) error {
	nodes, err := d.join(ctx, n, 100)
	if err != nil {
		return err
	}
	var reconnect times
	each(nodes, func(node *benchNode) {
		began := time.Now()
		d.again(ctx, func() error { _, _, err := node.poll(ctx, 0); return err })
		reconnect.add(time.Since(began))
	})
	d.report.Reconnect = reconnect.spread()

	working, stop := context.WithCancel(ctx)
	defer stop()
	w := &workload{dispatch: d, idle: &times{}, updates: make([]update, n)}
	var all sync.WaitGroup
	for i, node := range nodes {
		w.updates[i] = node.newUpdate(d.header, d.count, 0)
		all.Go(func() { w.node(working, node) })
	}
	d.report.Pages = d.readPages(ctx, idle)
	d.report.Polls = w.idle.spread()
	err = w.decline(ctx, n)
	if err == nil {
		err = w.learn(ctx, min(n, trainers))
	}
	stop()
	all.Wait()
	if text := d.failed.Load(); text != nil {
		d.report.Errors = *text
	}
	d.report.Retries = d.retried.Load()
	d.report.ServerRSS, d.report.ServerCPU = processPeak(d.server.Process.Pid), processCPU(d.server.Process.Pid)
	for _, pid := range d.postgres.Processes() {
		d.report.PostgresCPU += processCPU(pid)
	}
	return err
}

func each(nodes []*benchNode, f func(*benchNode)) {
	var all sync.WaitGroup
	for _, node := range nodes {
		all.Go(func() { f(node) })
	}
	all.Wait()
}

// again repeats a request that the server had no time for, as a node does; it
// keeps the first error and reports whether it went well in the end.
func (d *dispatch) again(ctx context.Context, request func() error) bool {
	pause := 250 * time.Millisecond
	for range 8 {
		err := request()
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		text := err.Error()
		d.failed.CompareAndSwap(nil, &text)
		d.retried.Add(1)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
		pause *= 2
	}
	return false
}

// workload is what the nodes do together.
type workload struct {
	*dispatch
	idle    *times
	train   atomic.Bool // nodes do what they are asked; else they decline it
	updates []update

	mu       sync.Mutex
	arrivals []arrival
	done     []time.Time // answered assignments
}

// arrival is an assignment at its node.
type arrival struct {
	round training.RoundID
	at    time.Time
}

// node polls until the context ends and answers what it is asked.
func (w *workload) node(ctx context.Context, n *benchNode) {
	wait := time.Duration(5+n.index%6) * time.Second // so that they do not come in step
	for ctx.Err() == nil {
		began := time.Now()
		a, ok, err := n.poll(ctx, wait)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.again(ctx, func() error { return err })
		case n.away > 0:
			select {
			case <-ctx.Done():
			case <-time.After(n.away):
			}
		case !ok:
			w.idle.add(time.Since(began) - wait)
		default:
			w.mu.Lock()
			w.arrivals = append(w.arrivals, arrival{a.Round, time.Now()})
			w.mu.Unlock()
			w.work(ctx, n, a)
		}
	}
}

// think is how long a node has a task before it leases and declines it: all
// have theirs by then, so that the way there and the way back are measured one
// after the other.
const think = 4 * time.Second

func (w *workload) work(ctx context.Context, n *benchNode, a protocol.Assignment) {
	if !w.train.Load() {
		select {
		case <-ctx.Done():
			return
		case <-time.After(think):
		}
	}
	report := func() error { return n.decline(ctx, a) }
	steps := []func() error{func() error { return n.lease(ctx, a) }}
	if w.train.Load() {
		u := w.updates[n.index]
		report = func() error { return n.report(ctx, a, u) }
		if a.Kind == protocol.Train {
			steps = append(steps, func() error { return n.upload(ctx, a, u) })
		}
	}
	for _, step := range append(steps, report) {
		if !w.again(ctx, step) {
			return
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = append(w.done, time.Now())
}

// campaign decides on one round of some nodes, waits until nothing of it runs
// any more, and returns its attempts. Meanwhile it reads pages.
func (w *workload) campaign(ctx context.Context, recipe protocol.Recipe) ([]rounds.Round, spread, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	w.mu.Lock()
	w.arrivals, w.done = nil, nil
	w.mu.Unlock()
	id, err := w.decide(ctx, recipe)
	if err != nil {
		return nil, spread{}, err
	}
	pages := make(chan spread, 1)
	go func() { pages <- w.readPages(ctx, 5*time.Minute) }()
	err = w.ended(ctx, id)
	cancel()
	took := <-pages
	if err != nil {
		return nil, took, err
	}
	all, err := w.stores.Rounds.Rounds(context.WithoutCancel(ctx), id)
	return all, took, err
}

func (d *dispatch) ended(ctx context.Context, id training.CampaignID) error {
	for {
		c, err := d.stores.Rounds.Campaign(ctx, id)
		if err != nil {
			return err
		}
		if c.State != rounds.Running {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("campaign %d did not end: %w", id, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// decline lets every node lease what it is asked and decline it: the least that
// a task can cost. A round that everybody declined is tried again, so there are
// several.
func (w *workload) decline(ctx context.Context, n int) error {
	attempts, pages, err := w.campaign(ctx, w.recipe(1, n))
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var took times
	opened := map[training.RoundID]time.Time{}
	for _, r := range attempts {
		if r.CollectingAt != nil {
			opened[r.ID] = *r.CollectingAt
		}
	}
	for _, a := range w.arrivals {
		took.add(a.at.Sub(opened[a.round]))
	}
	w.report.Arrival, w.report.BusyPages, w.report.Tasks = took.spread(), pages, len(w.done)
	w.report.Complete = w.rate(len(opened))
	return nil
}

// rate is answers per second while tasks came and were answered. Between the
// attempts at a round nobody has anything to do; that time is left out.
func (w *workload) rate(attempts int) float64 {
	byRound := map[training.RoundID]time.Time{}
	for _, a := range w.arrivals {
		if first, ok := byRound[a.round]; !ok || a.at.Before(first) {
			byRound[a.round] = a.at
		}
	}
	slices.SortFunc(w.done, time.Time.Compare)
	starts := slices.SortedFunc(maps.Values(byRound), time.Time.Compare)
	busy := time.Duration(0)
	for i, start := range starts {
		start = start.Add(think)
		last := start
		for _, at := range w.done {
			if at.After(start) && (i+1 == len(starts) || at.Before(starts[i+1])) {
				last = at
			}
		}
		busy += last.Sub(start)
	}
	if busy <= 0 || attempts == 0 {
		return 0
	}
	return float64(len(w.done)) / busy.Seconds()
}

// learn lets some nodes train and measure.
func (w *workload) learn(ctx context.Context, n int) error {
	w.train.Store(true)
	attempts, _, err := w.campaign(ctx, w.recipe(1, n))
	if err != nil {
		return err
	}
	r := attempts[len(attempts)-1]
	if r.State != rounds.Accepted {
		return fmt.Errorf("round %d was %s: %s", r.ID, r.State, r.Reason)
	}
	w.report.Updates, w.report.RoundSeconds = r.Updates, r.EndedAt.Sub(*r.CollectingAt).Seconds()
	w.report.Train = float64(r.Updates) / r.AggregatingAt.Sub(*r.CollectingAt).Seconds()
	return nil
}

// readPages reads pages as a visitor does, twenty a second.
func (d *dispatch) readPages(ctx context.Context, long time.Duration) spread {
	var took times
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	end := time.After(long)
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return took.spread()
		case <-end:
			return took.spread()
		case <-ticker.C:
		}
		began := time.Now()
		res, err := http.Get(d.url + []string{"/", "/proposals", "/campaigns", "/policies"}[i%4])
		if err == nil {
			err = drain(res.Body)
		}
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("a page answered %s", res.Status)
		}
		if err != nil {
			text := err.Error()
			d.failed.CompareAndSwap(nil, &text)
		}
		took.add(time.Since(began))
	}
}

// processPeak is the largest resident memory of a process in MiB, from Linux;
// 0 where the system does not say.
func processPeak(pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "VmHWM:" {
			kib, _ := strconv.ParseFloat(words[1], 64)
			return kib / 1024
		}
	}
	return 0
}

// processCPU is the processor time of a process in seconds, from Linux.
func processCPU(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), ") ")
	words := strings.Fields(after)
	if len(words) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(words[11], 64)
	system, _ := strconv.ParseFloat(words[12], 64)
	return (user + system) / 100 // clock ticks are hundredths on Linux
}
