package nodeapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training/protocol"
)

func (a *API) manifest(w http.ResponseWriter, r *http.Request) {
	c := callerOf(r)
	m, body, err := readBytes[protocol.ManifestSummary](w, r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	actor, err := c.actor(body)
	if err == nil {
		err = a.Corpus.Describe(r.Context(), actor, c.owner, m)
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) strata(w http.ResponseWriter, r *http.Request) {
	m, body, err := readBytes[protocol.Strata](w, r)
	var actor governance.Actor
	if err == nil {
		actor, err = callerOf(r).actor(body)
	}
	if err == nil {
		err = a.Corpus.DescribeStrata(r.Context(), actor, m)
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// describe notes what the machine is now; the time is noted for every request.
func (a *API) describe(w http.ResponseWriter, r *http.Request) {
	capabilities, body, err := readBytes[protocol.Capabilities](w, r)
	if err == nil {
		if err = capabilities.Check(); err != nil {
			err = governance.Errorf(governance.Invalid, "The capabilities cannot be read: %v.", err)
		}
	}
	if err == nil {
		err = a.Nodes.Describe(r.Context(), callerOf(r).node, body)
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// work answers with an assignment as soon as there is one, or 204 at the end
// of the wait. It takes the wake-up before it looks, so that nothing that
// comes between is missed.
func (a *API) work(w http.ResponseWriter, r *http.Request) {
	wait, size, err := workQuery(r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // a server that cannot keeps its own limits
	_ = control.SetWriteDeadline(time.Now().Add(wait + patience))
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for first := true; ; first = false {
		wake := a.Work.Wake()
		assignment, err := a.Work.Next(r.Context(), callerOf(r).node, size)
		if err == nil {
			answer(w, assignment)
			return
		}
		if !governance.Is(err, governance.NotFound) {
			a.refuse(w, r, err)
			return
		}
		if first && a.away(w, r) {
			return
		}
		select {
		case <-wake:
		case <-timer.C:
			w.WriteHeader(http.StatusNoContent)
			return
		case <-r.Context().Done():
			return
		}
	}
}

// away sends a node that is not needed for longer than a poll away, and
// reports whether it did.
func (a *API) away(w http.ResponseWriter, r *http.Request) bool {
	back, err := a.Work.ComeBack(r.Context(), callerOf(r).node)
	if err != nil {
		a.refuse(w, r, err)
		return true
	}
	if back.Before(a.Now().Add(protocol.MaxWait)) {
		return false
	}
	w.Header().Set(protocol.HeaderComeBack, strconv.FormatInt(back.Unix(), 10))
	w.WriteHeader(http.StatusNoContent)
	return true
}

func workQuery(r *http.Request) (wait time.Duration, size int64, err error) {
	query := r.URL.Query()
	seconds, err1 := strconv.Atoi(query.Get("wait"))
	size, err2 := strconv.ParseInt(query.Get("size"), 10, 64)
	if err1 != nil || err2 != nil || seconds < 0 || size < 0 {
		return 0, 0, governance.Errorf(governance.Invalid, "Ask for work with “wait” (seconds) and “size” (entries of the log that the node has seen).")
	}
	return min(time.Duration(seconds)*time.Second, protocol.MaxWait), size, nil
}

func (a *API) lease(w http.ResponseWriter, r *http.Request) {
	renewal, err := read[protocol.Renewal](w, r)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	lease, err := a.Work.Renew(r.Context(), callerOf(r).node, renewal)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	answer(w, lease)
}

func (a *API) report(w http.ResponseWriter, r *http.Request) {
	report, body, err := readBytes[protocol.Report](w, r)
	if err == nil {
		if err = report.Check(); err != nil {
			err = governance.Errorf(governance.Invalid, "The report was refused: %v.", err)
		}
	}
	var actor governance.Actor
	if err == nil {
		actor, err = callerOf(r).actor(body)
	}
	if err == nil {
		err = a.take(r.Context(), actor, report)
	}
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// take hands a report on when its turn has come.
func (a *API) take(ctx context.Context, actor governance.Actor, report protocol.Report) error {
	leave, err := a.turn(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return a.Work.Report(ctx, actor, report)
}
