package agent

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"codeberg.org/althing/althing/training/protocol"
	"codeberg.org/althing/althing/training/tensor"
	"golang.org/x/mod/sumdb/note"
)

// JoinOptions say where a node joins and where it keeps what it must remember.
type JoinOptions struct {
	Dir   string    // the node's folder
	URL   string    // of the platform
	Token io.Reader // the first line is the join token; never an argument of the program
	Out   io.Writer // for the owner
	HTTP  *http.Client
}

// Join redeems a join token. The platform shows its key first; the node
// compares it with the token's pin and signs only then. No secret leaves the
// machine, so it is safe behind proxies and over plain HTTP.
func Join(ctx context.Context, o JoinOptions) (err error) {
	address, err := cleanURL(o.URL)
	if err != nil {
		return err
	}
	fmt.Fprintln(o.Out, protocol.Notice)
	for _, line := range protocol.Leaves() {
		fmt.Fprintln(o.Out, "  • "+line)
	}
	line, err := bufio.NewReader(io.LimitReader(o.Token, 4096)).ReadString('\n')
	if err != nil && err != io.EOF {
		return fmt.Errorf("read the join token: %w", err)
	}
	token, err := protocol.ParseToken(line)
	if err != nil {
		return err
	}
	s, err := openFolder(o.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if found, err := s.read(identityFile, &s.Identity); err != nil {
		return err
	} else if found {
		return fmt.Errorf("%s holds node %d (%s) already; give another folder to join as another node", o.Dir, s.Identity.Node, s.Identity.Name)
	}
	if s.Identity, err = handshake(ctx, httpClient(o.HTTP), address, token, s.key); err != nil {
		return err
	}
	if err := s.save(identityFile, s.Identity); err != nil {
		return err
	}
	fmt.Fprintf(o.Out, "Joined %s as node %d, “%s”. Start it with “node run”.\n", address, s.Identity.Node, printable(s.Identity.Name))
	fmt.Fprintln(o.Out, "Is all your text public anyway? Then “node run --public” also lets it take part in campaigns that publish what nodes send, and in which nodes hand each other their texts to check updates.")
	return nil
}

func httpClient(c *http.Client) *http.Client {
	if c != nil {
		return c
	}
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("the platform sent the node to another address; join with that address")
	}}
}

func handshake(ctx context.Context, client *http.Client, address string, token protocol.Token, key ed25519.PrivateKey) (Identity, error) {
	nonce := make([]byte, protocol.NonceSize)
	rand.Read(nonce)
	var c protocol.Challenge
	if err := exchange(ctx, client, address+protocol.PathHello, protocol.Hello{Version: protocol.Version, Nonce: nonce}, &c); err != nil {
		return Identity{}, err
	}
	if err := c.Check(token.Pin, nonce); err != nil {
		return Identity{}, err
	}
	if _, err := note.NewVerifier(c.LogKey); err != nil {
		return Identity{}, fmt.Errorf("the platform's log has a key that cannot be read: %w", err)
	}
	var joined protocol.Joined
	if err := exchange(ctx, client, address+protocol.PathJoin, protocol.NewJoin(token, key, nonce, c, Capabilities()), &joined); err != nil {
		return Identity{}, err
	}
	if err := joined.Check(c.Server, key.Public().(ed25519.PublicKey)); err != nil {
		return Identity{}, err
	}
	return Identity{
		Node: joined.Node, Owner: joined.Owner, Name: joined.Name, URL: address, Server: c.Server, LogKey: c.LogKey, Split: joined.Split,
	}, nil
}

// exchange posts one unsigned message.
func exchange(ctx context.Context, client *http.Client, address string, message, to any) error {
	body, err := json.Marshal(message)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := send(client, req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return readJSON(res.Body, protocol.MaxMessage, to)
}

// Capabilities describes this machine.
func Capabilities() protocol.Capabilities {
	c := protocol.Capabilities{
		Program: "devel", OS: runtime.GOOS, CPU: runtime.GOARCH, Threads: runtime.GOMAXPROCS(0), Kernel: tensor.Kernel(), Memory: memory(),
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		c.Program = info.Main.Version
	}
	return c
}

// memory reads the machine's memory in bytes, where Linux tells it.
func memory() int64 {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "MemTotal:" {
			kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0
			}
			return kilobytes << 10
		}
	}
	return 0
}
