package protocol

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"codeberg.org/althing/althing/training"
)

// ChallengeLife is how long a challenge may be answered: a program answers it.
const ChallengeLife = 10 * time.Minute

// NonceSize is the size in bytes of the nonces of hello.
const NonceSize = 32

// Hello opens a join: the node asks the platform to show its key.
type Hello struct {
	Version int    `json:"version"`
	Nonce   []byte `json:"nonce"` // NonceSize random bytes of the node
}

// Challenge is the platform's answer: its key, the log's key, and a nonce of
// its own, signed together with the node's nonce. The node compares Server
// with the pin in its token before it signs anything.
type Challenge struct {
	Version   int    `json:"version"`
	Server    []byte `json:"server"`    // the platform's Ed25519 public key
	LogKey    string `json:"log_key"`   // of the log, "name+hash+key"; signs checkpoints and nothing else
	Nonce     []byte `json:"nonce"`     // of the platform, see NewChallengeNonce
	Signature []byte `json:"signature"` // by Server, over both nonces and LogKey
}

// Join redeems a token. Both signatures are over the same bytes: the token's
// key shows the right to join, the node's key shows that its owner holds it.
// No secret is in it, so that a listener or a relay gains nothing.
type Join struct {
	Version      int          `json:"version"`
	Token        int64        `json:"token"`
	NodeNonce    []byte       `json:"node_nonce"`
	ServerNonce  []byte       `json:"server_nonce"`
	PublicKey    []byte       `json:"public_key"` // of the node, made on its machine
	Capabilities Capabilities `json:"capabilities"`
	TokenProof   []byte       `json:"token_proof"`
	NodeProof    []byte       `json:"node_proof"`
}

// Joined tells the node who it is now; signed by the platform's key.
type Joined struct {
	Node      int64  `json:"node"`
	Owner     int64  `json:"owner"` // the member whose node it is
	Name      string `json:"name"`
	Split     []byte `json:"split"` // the community's key that sets twins and validation records aside
	Signature []byte `json:"signature"`
}

// Capabilities are what a machine says of itself. The platform believes them
// for planning only; nothing is granted for them.
type Capabilities struct {
	Program     string `json:"program"` // version of the node program
	OS          string `json:"os"`
	CPU         string `json:"cpu"` // architecture, "amd64"
	Threads     int    `json:"threads"`
	Memory      int64  `json:"memory"`               // bytes; 0 where the machine does not tell
	Kernel      string `json:"kernel"`               // of training/tensor: "avx512", "avx2", "portable"
	Accelerator string `json:"accelerator"`          // "" for none
	RoundTrip   int64  `json:"round_trip,omitempty"` // milliseconds of a signed request to the platform, as the node measured; 0 unknown
}

// Check refuses what no machine would say and no page should show.
func (c Capabilities) Check() error {
	for _, s := range []string{c.Program, c.OS, c.CPU, c.Kernel, c.Accelerator} {
		if len(s) > 100 {
			return fmt.Errorf("a capability of %d bytes; at most 100 are read", len(s))
		}
		for _, r := range s {
			if r < ' ' || r > '~' {
				return fmt.Errorf("the capability %q holds more than printable ASCII", s)
			}
		}
	}
	if c.Threads < 0 || c.Threads > 1<<16 || c.Memory < 0 || c.RoundTrip < 0 {
		return fmt.Errorf("%d threads and %d bytes of memory are not a machine", c.Threads, c.Memory)
	}
	return nil
}

// field writes a length and the bytes, so that no two lists of fields have
// the same encoding.
func field(b *bytes.Buffer, parts ...[]byte) {
	for _, p := range parts {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		b.Write(n[:])
		b.Write(p)
	}
}

func (c Challenge) signingBytes(nodeNonce []byte) []byte {
	b := bytes.NewBufferString("althing challenge v1\n")
	field(b, nodeNonce, c.Nonce, c.Server, []byte(c.LogKey), []byte(strconv.Itoa(c.Version)))
	return b.Bytes()
}

// NewChallenge answers a hello with the platform's key.
func NewChallenge(server ed25519.PrivateKey, hello Hello, logKey string, nonce []byte) Challenge {
	c := Challenge{Version: Version, Server: server.Public().(ed25519.PublicKey), LogKey: logKey, Nonce: nonce}
	c.Signature = ed25519.Sign(server, c.signingBytes(hello.Nonce))
	return c
}

// ErrPin says that the machine that answered does not hold the key that the
// join token names.
var ErrPin = errors.New("the platform that answered is not the one that made this token: its key is another one; nothing was sent to it")

// Check verifies that the platform which answered holds the key of the pin.
func (c Challenge) Check(pin Pin, nodeNonce []byte) error {
	if len(c.Server) != ed25519.PublicKeySize || PinOf(c.Server) != pin {
		return ErrPin
	}
	if len(c.Nonce) != NonceSize || len(nodeNonce) != NonceSize || !ed25519.Verify(c.Server, c.signingBytes(nodeNonce), c.Signature) {
		return fmt.Errorf("the platform did not sign the challenge: %w", ErrPin)
	}
	return nil
}

// NewChallengeNonce makes the platform's nonce of a challenge: the time, 16
// random bytes, and a MAC under a key that only the platform can compute. So
// no server needs to remember it, and any server of the platform can check it.
func NewChallengeNonce(random io.Reader, server ed25519.PrivateKey, now time.Time) ([]byte, error) {
	nonce := make([]byte, 24, NonceSize)
	if _, err := io.ReadFull(random, nonce[8:]); err != nil {
		return nil, fmt.Errorf("draw a nonce: %w", err)
	}
	binary.BigEndian.PutUint64(nonce, uint64(now.Unix()))
	return append(nonce, nonceMAC(server, nonce)...), nil
}

func nonceMAC(server ed25519.PrivateKey, head []byte) []byte {
	key := sha256.Sum256(append([]byte("althing challenge nonce v1\n"), server.Seed()...))
	mac := hmac.New(sha256.New, key[:])
	mac.Write(head)
	return mac.Sum(nil)[:NonceSize-24]
}

// CheckChallengeNonce verifies that the platform made the nonce a short while ago.
func CheckChallengeNonce(server ed25519.PrivateKey, nonce []byte, now time.Time) error {
	if len(nonce) != NonceSize || !hmac.Equal(nonce[24:], nonceMAC(server, nonce[:24])) {
		return errors.New("this challenge was not made here")
	}
	age := now.Sub(time.Unix(int64(binary.BigEndian.Uint64(nonce)), 0))
	if age < -ChallengeLife || age > ChallengeLife {
		return fmt.Errorf("this challenge is %v old; it lives %v", age.Round(time.Second), ChallengeLife)
	}
	return nil
}

func (j Join) signingBytes() []byte {
	c := j.Capabilities
	b := bytes.NewBufferString("althing join v1\n")
	field(b, j.NodeNonce, j.ServerNonce, []byte(strconv.FormatInt(j.Token, 10)), j.PublicKey,
		[]byte(c.Program), []byte(c.OS), []byte(c.CPU), []byte(strconv.Itoa(c.Threads)),
		[]byte(strconv.FormatInt(c.Memory, 10)), []byte(c.Kernel), []byte(c.Accelerator))
	return b.Bytes()
}

// NewJoin signs a join with the token's key and the node's new key.
func NewJoin(token Token, node ed25519.PrivateKey, nodeNonce []byte, c Challenge, caps Capabilities) Join {
	j := Join{
		Version: Version, Token: token.ID, NodeNonce: nodeNonce, ServerNonce: c.Nonce,
		PublicKey: node.Public().(ed25519.PublicKey), Capabilities: caps,
	}
	text := j.signingBytes()
	j.TokenProof = ed25519.Sign(token.Key(), text)
	j.NodeProof = ed25519.Sign(node, text)
	return j
}

// Check verifies both signatures: the token's by the public half that the
// platform kept, the node's by the key that it brings.
func (j Join) Check(tokenKey ed25519.PublicKey) error {
	if len(j.PublicKey) != ed25519.PublicKeySize || len(tokenKey) != ed25519.PublicKeySize || len(j.NodeNonce) != NonceSize {
		return errors.New("a key or a nonce of the join has the wrong length")
	}
	text := j.signingBytes()
	if !ed25519.Verify(tokenKey, text, j.TokenProof) {
		return errors.New("the join is not signed with the token's secret")
	}
	if !ed25519.Verify(j.PublicKey, text, j.NodeProof) {
		return errors.New("the join is not signed with the node's new key")
	}
	return j.Capabilities.Check()
}

func (j Joined) signingBytes(publicKey []byte) []byte {
	b := bytes.NewBufferString("althing joined v1\n")
	field(b, publicKey, []byte(strconv.FormatInt(j.Node, 10)), []byte(strconv.FormatInt(j.Owner, 10)), []byte(j.Name), j.Split)
	return b.Bytes()
}

// Sign returns j signed for the node with this public key.
func (j Joined) Sign(server ed25519.PrivateKey, publicKey []byte) Joined {
	j.Signature = ed25519.Sign(server, j.signingBytes(publicKey))
	return j
}

// Check verifies that the platform said this to the node with this public key.
func (j Joined) Check(server ed25519.PublicKey, publicKey []byte) error {
	if j.Node < 1 || j.Owner < 1 || !ed25519.Verify(server, j.signingBytes(publicKey), j.Signature) {
		return errors.New("the platform did not sign its answer to the join")
	}
	return nil
}

// ManifestSummary is what a node tells of its text before it trains: counts
// and one digest, never text, names of files or digests of single records.
type ManifestSummary struct {
	Root       training.Digest `json:"root"`    // of the node's manifest
	Records    int64           `json:"records"` // available for training
	Bytes      int64           `json:"bytes"`
	Tokens     int64           `json:"tokens"`
	Validation int64           `json:"validation"` // records never trained on, for evaluation
	Twins      int64           `json:"twins"`      // records never trained on, for membership tests
	Suppressed int64           `json:"suppressed"`
	Rejected   int64           `json:"rejected"` // files or records that could not be read
	// Public is the owner's word that all text of the node is public already.
	// Campaigns on public data ask only nodes whose newest manifest says so.
	Public bool `json:"public,omitempty"`
}
