// Command fsck has a stranger check a log: it reads every tile and every entry
// that a platform serves, as Tessera's own fsck does, recalculates the tree
// and compares the root with the signed checkpoint. Nothing of this
// repository is used, so an error of ours in package translog cannot hide
// itself here.
//
//	go run . https://althing.example/log althing.example/log+1a2b3c4d+AbC…
//
// It is a module of its own, so that the server carries none of the modules
// that Tessera needs. The test of package translog runs it.
package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/signal"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: fsck URL KEY")
		os.Exit(2)
	}
	if err := check(ctx, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "fsck:", err)
		os.Exit(1)
	}
	fmt.Println("fsck: every tile and every entry is what the checkpoint promises")
}

// check reads the log at an address whose checkpoints are signed by a key in
// the form of signed notes. The log's origin is the name of its key.
func check(ctx context.Context, address, key string) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return fmt.Errorf("read the key: %w", err)
	}
	at, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("read the address: %w", err)
	}
	source, err := client.NewHTTPFetcher(at, nil)
	if err != nil {
		return fmt.Errorf("read the address: %w", err)
	}
	return fsck.New(verifier.Name(), verifier, source, leaves, fsck.Opts{N: 2}).Check(ctx)
}

// leaves returns the hashes of the entries of a bundle (RFC 6962).
func leaves(bundle []byte) ([][]byte, error) {
	var entries api.EntryBundle
	if err := entries.UnmarshalText(bundle); err != nil {
		return nil, fmt.Errorf("read a bundle: %w", err)
	}
	hashes := make([][]byte, len(entries.Entries))
	for i, entry := range entries.Entries {
		hashes[i] = rfc6962.DefaultHasher.HashLeaf(entry)
	}
	return hashes, nil
}
