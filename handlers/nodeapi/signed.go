package nodeapi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/governance/nodes"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
)

// caller is who signed a request.
type caller struct {
	node    governance.NodeID
	owner   governance.MemberID
	request protocol.Request
}

type callerKey struct{}

func callerOf(r *http.Request) caller { return r.Context().Value(callerKey{}).(caller) }

// signed lets a request through that a node signed, once, within the allowed
// time, and whose body will turn out to have the signed digest.
func (a *API) signed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := a.authenticate(r)
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		if r.Header.Get("Content-Encoding") != "" {
			a.refuse(w, r, governance.Errorf(governance.Invalid, "Bodies come as they are, without Content-Encoding."))
			return
		}
		if (r.Method == http.MethodGet || r.Method == http.MethodHead) && c.request.Digest != training.DigestOf(nil) {
			a.refuse(w, r, governance.Errorf(governance.Invalid, "A %s has no body.", r.Method))
			return
		}
		r.Body = &digestBody{ReadCloser: r.Body, hash: sha256.New(), want: c.request.Digest}
		a.mu.Lock()
		a.seen[c.node] = a.Now()
		a.mu.Unlock()
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	})
}

func (a *API) authenticate(r *http.Request) (caller, error) {
	req, err := protocol.ParseRequest(r.Method, r.RequestURI, r.Header)
	if err != nil {
		return caller{}, governance.Errorf(governance.Unauthenticated, "The request was refused: %v.", err)
	}
	c := caller{node: governance.NodeID(req.Node), request: req}
	credential, err := a.credential(r.Context(), c.node)
	if err != nil {
		return caller{}, err
	}
	c.owner = credential.Owner
	if err := req.Verify(credential.PublicKey, a.pin, a.Now()); err != nil {
		var clock *protocol.ClockError
		if errors.As(err, &clock) {
			return caller{}, clock
		}
		return caller{}, governance.Errorf(governance.Unauthenticated, "The request was refused: %v.", err)
	}
	nonce, err := hex.DecodeString(req.Nonce)
	if err != nil {
		return caller{}, governance.Errorf(governance.Unauthenticated, "The request was refused: its nonce cannot be read.")
	}
	return c, a.Nodes.Admit(r.Context(), c.node, nonce)
}

// credential returns what a node's requests are checked against. It never
// changes and is kept; whether the node may still come is asked by Admit.
func (a *API) credential(ctx context.Context, id governance.NodeID) (nodes.Credential, error) {
	if kept, ok := a.credentials.Load(id); ok {
		return kept.(nodes.Credential), nil
	}
	credential, err := a.Nodes.Credential(ctx, id)
	if err == nil {
		a.credentials.Store(id, credential)
	}
	return credential, err
}

// actor returns the node with the operation of its request; a write without
// an operation id is refused.
func (c caller) actor(body []byte) (governance.Actor, error) {
	if c.request.Operation == "" {
		return governance.Actor{}, governance.Errorf(governance.Invalid, "This write needs an operation id.")
	}
	op := governance.NewOperation(c.request.Operation, c.request.Method, c.request.Target, string(body))
	return governance.Node(c.node, op), nil
}

// errDigest says that a body is not what was signed.
var errDigest = governance.Errorf(governance.Unauthenticated, "The body is not the one that was signed. Nothing was stored.")

// digestBody ends with errDigest instead of io.EOF if the bytes that were read
// do not have the signed digest.
type digestBody struct {
	io.ReadCloser
	hash hash.Hash
	want training.Digest
}

// Read hashes what it hands on.
func (b *digestBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.hash.Write(p[:n])
	if err == io.EOF {
		var got training.Digest
		b.hash.Sum(got[:0])
		if got != b.want {
			return n, errDigest
		}
	}
	return n, err
}

// A body may be slow to begin and then comes at pace or faster. A connection
// that is slower is cut, so that idle senders hold nothing.
const (
	patience = 10 * time.Second
	pace     = 64 << 10 // bytes a second
)

// paced moves the connection's read deadline along with what has been read.
func paced(w http.ResponseWriter, body io.ReadCloser) io.ReadCloser {
	return &pacedBody{ReadCloser: body, control: http.NewResponseController(w), begin: time.Now()}
}

type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	begin   time.Time
	n       int64
}

// Read sets the deadline by which the next bytes must have come.
func (b *pacedBody) Read(p []byte) (int, error) {
	deadline := b.begin.Add(patience + time.Duration(b.n)*time.Second/pace)
	if err := b.control.SetReadDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), pace)])
	b.n += int64(n)
	if err == io.EOF { // the answer may take longer than the body did
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
