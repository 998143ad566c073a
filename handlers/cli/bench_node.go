package cli

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
)

// benchNode is a node as the platform sees one: it signs every request, polls,
// leases, uploads and reports. It computes nothing, and it does not check the
// mandates that it is shown; workers/agent does.
type benchNode struct {
	id       governance.NodeID
	key      ed25519.PrivateKey
	pin      protocol.Pin
	url      string
	http     *http.Client
	manifest training.Digest
	index    int
	logSize  int64         // of the newest checkpoint that it saw; 0 asks for no proof of consistency
	away     time.Duration // for which the last poll sent it away
}

// benchClient keeps a connection for each node, as nodes on machines of their
// own would.
func benchClient(nodes int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConns: 2 * nodes, MaxIdleConnsPerHost: 2 * nodes, IdleConnTimeout: 5 * time.Minute, DisableCompression: true}}
}

// send makes one signed request; digest is that of the body.
func (n *benchNode) send(ctx context.Context, method, target string, body []byte, digest training.Digest, operation string) (*http.Response, error) {
	var nonce [protocol.RequestNonce]byte
	rand.Read(nonce[:])
	signed := protocol.Request{
		Method: method, Target: target, Digest: digest, Created: time.Now().Unix(), Nonce: hex.EncodeToString(nonce[:]),
		Node: int64(n.id), Operation: operation,
	}.Sign(n.key, n.pin)
	req, err := http.NewRequestWithContext(ctx, method, n.url+target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, value := range signed.Headers() {
		req.Header.Set(name, value)
	}
	res, err := n.http.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 500))
		_ = res.Body.Close()
		return nil, fmt.Errorf("%s %s of node %d: %s: %s", method, target, n.id, res.Status, text)
	}
	return res, nil
}

func (n *benchNode) post(ctx context.Context, path string, message any, operation string) error {
	body, err := json.Marshal(message)
	if err != nil {
		return err
	}
	res, err := n.send(ctx, http.MethodPost, path, body, training.DigestOf(body), operation)
	if err != nil {
		return err
	}
	return drain(res.Body)
}

// poll asks for work and waits at the platform for it; false if there was none.
func (n *benchNode) poll(ctx context.Context, wait time.Duration) (protocol.Assignment, bool, error) {
	var a protocol.Assignment
	target := fmt.Sprintf("%s?wait=%d&size=%d", protocol.PathWork, int(wait.Seconds()), n.logSize)
	res, err := n.send(ctx, http.MethodGet, target, nil, training.DigestOf(nil), "")
	if err != nil {
		return a, false, err
	}
	defer res.Body.Close()
	n.away = 0
	if res.StatusCode == http.StatusNoContent {
		if back, err := strconv.ParseInt(res.Header.Get(protocol.HeaderComeBack), 10, 64); err == nil {
			n.away = max(0, time.Until(time.Unix(back, 0)))
		}
		return a, false, nil
	}
	err = json.NewDecoder(io.LimitReader(res.Body, protocol.MaxWork)).Decode(&a)
	return a, err == nil, err
}

// lease says that the node is at work.
func (n *benchNode) lease(ctx context.Context, a protocol.Assignment) error {
	return n.post(ctx, protocol.PathLease, protocol.Renewal{Assignment: a.ID, Epoch: a.Epoch}, "")
}

// update is the file of an update with its digest; each node has its own.
type update struct {
	file   []byte
	digest training.Digest
}

// newUpdate fills a file with small numbers of both signs, others for every
// node: updates that resemble each other are held by the checks.
func (n *benchNode) newUpdate(header []byte, parameters, round int) update {
	file := make([]byte, len(header)+4*parameters)
	copy(file, header)
	values := make([]float32, parameters)
	fill(values, n.index+5000*round)
	for i, v := range values {
		binary.LittleEndian.PutUint32(file[len(header)+4*i:], math.Float32bits(v))
	}
	return update{file, training.DigestOf(file)}
}

// upload sends an update in parts.
func (n *benchNode) upload(ctx context.Context, a protocol.Assignment, u update) error {
	for at := 0; at < len(u.file); at += protocol.MaxPart {
		part := u.file[at:min(at+protocol.MaxPart, len(u.file))]
		digest := u.digest
		if len(part) != len(u.file) {
			digest = training.DigestOf(part)
		}
		target := fmt.Sprintf("%s%s?assignment=%d&length=%d&offset=%d", protocol.PathBlobs, u.digest.Hex(), a.ID, len(u.file), at)
		res, err := n.send(ctx, http.MethodPut, target, part, digest, fmt.Sprintf("upload-%d-%d", a.ID, at))
		if err != nil {
			return err
		}
		if err := drain(res.Body); err != nil {
			return err
		}
	}
	return nil
}

// download reads the base of an assignment, as a node that does not have it does.
func (n *benchNode) download(ctx context.Context, a protocol.Assignment) error {
	target := fmt.Sprintf("%s%s?assignment=%d", protocol.PathBlobs, a.Base.Hex(), a.ID)
	res, err := n.send(ctx, http.MethodGet, target, nil, training.DigestOf(nil), "")
	if err != nil {
		return err
	}
	return drain(res.Body)
}

// report answers an assignment: of training with the update that was uploaded,
// of measuring with figures that fit it.
func (n *benchNode) report(ctx context.Context, a protocol.Assignment, u update) error {
	rep := protocol.Report{Assignment: a.ID, Epoch: a.Epoch, Manifest: n.manifest, Seconds: 1}
	if a.Kind == protocol.Train {
		rep.Update, rep.Examples, rep.Tokens, rep.Steps = u.digest, 1000, 1000, int64(a.Recipe.Steps)
	} else {
		rep.Loss = protocol.Sums{Records: 50, Tokens: 5000, Sum: 100, Squares: 210}
		rep.Unigram = protocol.Sums{Records: 50, Tokens: 5000, Sum: 150, Squares: 460}
	}
	return n.post(ctx, protocol.PathReport, rep, fmt.Sprintf("report-%d-%d", a.ID, a.Epoch))
}

// decline answers an assignment with the words of an owner who does not want it.
func (n *benchNode) decline(ctx context.Context, a protocol.Assignment) error {
	rep := protocol.Report{Assignment: a.ID, Epoch: a.Epoch, Refused: "this machine only measures the platform"}
	return n.post(ctx, protocol.PathReport, rep, fmt.Sprintf("decline-%d-%d", a.ID, a.Epoch))
}
