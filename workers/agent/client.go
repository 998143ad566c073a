package agent

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
)

// Refusal is what the platform answered instead of doing what was asked.
type Refusal struct {
	Status int
	protocol.Problem
}

// Error is the platform's sentence.
func (r *Refusal) Error() string { return r.Message }

// passing reports whether an error may be gone at the next try: the network,
// or a platform that is away, busy or full. Clocks are set by people meanwhile.
func passing(err error) bool {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Status >= 500 || r.Status == http.StatusTooManyRequests || r.Kind == "clock"
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errGarbled) || errors.Is(err, errAgain)
}

// errGarbled says that an answer is not one of this protocol: a proxy's page,
// or a platform that speaks what this program does not know.
var errGarbled = errors.New("the platform's answer cannot be read")

// client signs requests of one node.
type client struct {
	http *http.Client
	id   Identity
	key  ed25519.PrivateKey
	now  func() time.Time
	// ahead is how far the platform's clock was before this machine's in its
	// last answer, in nanoseconds: deadlines are told by the platform's.
	ahead atomic.Int64
}

// maxProblem bounds what is read of a refusal.
const maxProblem = 64 << 10

// cleanURL takes an address as a person types it.
func cleanURL(address string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("%q is not the address of a platform: want a form as “https://example.org”", address)
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

// do sends a signed request and returns the answer if it is one of success.
// Every try has a fresh nonce; a write's operation is the same in every try.
func (c *client) do(ctx context.Context, method, target string, body []byte, operation string, header http.Header) (*http.Response, error) {
	nonce := make([]byte, protocol.RequestNonce)
	rand.Read(nonce)
	base, err := url.Parse(c.id.URL)
	if err != nil {
		return nil, err
	}
	target = base.EscapedPath() + target
	signed := protocol.Request{
		Method: method, Target: target, Digest: training.DigestOf(body), Created: c.now().Unix(),
		Nonce: hex.EncodeToString(nonce), Node: c.id.Node, Operation: operation,
	}.Sign(c.key, protocol.PinOf(c.id.Server))
	req, err := http.NewRequestWithContext(ctx, method, base.Scheme+"://"+base.Host+target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	for name, value := range signed.Headers() {
		req.Header.Set(name, value)
	}
	res, err := send(c.http, req)
	if res != nil {
		if at, err := http.ParseTime(res.Header.Get("Date")); err == nil {
			ahead := at.Sub(c.now())
			c.ahead.Store(int64(min(max(ahead, -protocol.Skew), protocol.Skew))) // more is refused anyway
		}
	}
	return res, err
}

// send returns an answer of success, and everything else as an error.
func send(client *http.Client, req *http.Request) (*http.Response, error) {
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close()
	refusal := &Refusal{Status: res.StatusCode}
	data, err := io.ReadAll(io.LimitReader(res.Body, maxProblem))
	if err == nil {
		err = json.Unmarshal(data, &refusal.Problem)
	}
	if err != nil || refusal.Message == "" {
		refusal.Message = fmt.Sprintf("%s answered %s", req.URL.Host, res.Status)
	}
	refusal.Message = printable(refusal.Message)
	return res, refusal
}

// printable keeps a stranger's text on one line and free of what a terminal
// would obey.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, s)
	return s[:min(len(s), 500)]
}

// post sends a JSON message and reads the answer into to, if that is not nil.
func (c *client) post(ctx context.Context, path string, message any, operation string, to any) error {
	body, err := json.Marshal(message)
	if err != nil {
		return err
	}
	res, err := c.do(ctx, http.MethodPost, path, body, operation, http.Header{"Content-Type": {"application/json"}})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if to == nil {
		return nil
	}
	return readJSON(res.Body, protocol.MaxMessage, to)
}

func readJSON(r io.Reader, most int64, to any) error {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return fmt.Errorf("%w: %w", errGarbled, err)
	}
	if int64(len(data)) > most {
		return fmt.Errorf("%w: it is longer than %d bytes", errGarbled, most)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(to); err != nil {
		return fmt.Errorf("%w: %w", errGarbled, err)
	}
	return nil
}

// work asks for an assignment; false when there is none after the wait. The
// time is when the platform wants to be asked again, zero for at once.
func (c *client) work(ctx context.Context, wait time.Duration, logSize int64) (protocol.Assignment, bool, time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+30*time.Second)
	defer cancel()
	target := fmt.Sprintf("%s?wait=%d&size=%d", protocol.PathWork, int(wait.Seconds()), logSize)
	res, err := c.do(ctx, http.MethodGet, target, nil, "", nil)
	if err != nil {
		return protocol.Assignment{}, false, time.Time{}, err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusNoContent {
		var back time.Time
		if seconds, err := strconv.ParseInt(res.Header.Get(protocol.HeaderComeBack), 10, 64); err == nil {
			back = time.Unix(seconds, 0)
		}
		return protocol.Assignment{}, false, back, nil
	}
	var a protocol.Assignment
	err = readJSON(res.Body, protocol.MaxWork, &a)
	return a, err == nil, time.Time{}, err
}
