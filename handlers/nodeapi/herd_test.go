package nodeapi_test

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codeberg.org/althing/althing/governance"
	"codeberg.org/althing/althing/training"
	"codeberg.org/althing/althing/training/protocol"
	"github.com/jackc/pgx/v5"
)

// crowd registers nodes with keys of their own.
func (w *whole) crowd(n int) (ids []governance.NodeID, keys []ed25519.PrivateKey) {
	w.t.Helper()
	const member = `insert into members (issuer, subject, name, skeleton, joined_at) values ('test', 'crowd', 'crowd', 'crowd', clock_timestamp()) returning id`
	var owner governance.MemberID
	if err := w.Pool.QueryRow(w.t.Context(), member).Scan(&owner); err != nil {
		w.t.Fatal(err)
	}
	var public [][]byte
	for range n {
		p, k, err := ed25519.GenerateKey(nil)
		if err != nil {
			w.t.Fatal(err)
		}
		public, keys = append(public, p), append(keys, k)
	}
	const insert = `
		insert into nodes (owner, name, public_key, registered_at, joined_at)
		select @owner, 'node ' || i, key, clock_timestamp(), clock_timestamp() from unnest(@keys::bytea[]) with ordinality as t (key, i)
		order by i returning id`
	rows, _ := w.Pool.Query(w.t.Context(), insert, pgx.StrictNamedArgs{"owner": owner, "keys": public})
	ids, err := pgx.CollectRows(rows, pgx.RowTo[governance.NodeID])
	if err != nil {
		w.t.Fatal(err)
	}
	return ids, keys
}

// poll asks for work without waiting.
func (w *whole) poll(ctx context.Context, client *http.Client, id governance.NodeID, key ed25519.PrivateKey, nonce [16]byte) (int, error) {
	target := protocol.PathWork + "?wait=0&size=0"
	signed := protocol.Request{
		Method: http.MethodGet, Target: target, Digest: training.DigestOf(nil), Created: w.Now().Unix(), Nonce: hex.EncodeToString(nonce[:]), Node: int64(id),
	}.Sign(key, protocol.PinOf(w.Server.Public().(ed25519.PublicKey)))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+target, nil)
	if err != nil {
		return 0, err
	}
	for name, value := range signed.Headers() {
		req.Header.Set(name, value)
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

// TestAThousandNodesComeBackAtOnce, as after a restart of the server: each is
// answered, the database is asked far fewer times than nodes came, and one who
// sends another's request again is refused in the middle of the crowd.
func TestAThousandNodesComeBackAtOnce(t *testing.T) {
	t.Parallel()
	w := newWhole(t)
	const n = 1000
	ids, keys := w.crowd(n)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	before := w.Pool.Stat().AcquireCount()
	var served, refused atomic.Int64
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		for range 1 + i%2 { // every second one's request comes twice
			all.Go(func() {
				<-begin
				switch status, err := w.poll(t.Context(), client, ids[i], keys[i], [16]byte{1}); {
				case err != nil:
					t.Errorf("node %d: %v", ids[i], err)
				case status == http.StatusNoContent:
					served.Add(1)
				case status == http.StatusUnauthorized:
					refused.Add(1)
				default:
					t.Errorf("node %d: status %d", ids[i], status)
				}
			})
		}
	}
	close(begin)
	all.Wait()
	if s, r := served.Load(), refused.Load(); s != n || r != n/2 {
		t.Errorf("%d served and %d refused, want %d and %d", s, r, n, n/2)
	}
	if asked := w.Pool.Stat().AcquireCount() - before; asked > n {
		t.Errorf("the database was asked %d times for %d requests", asked, 3*n/2)
	}
	if status, err := w.poll(context.Background(), client, ids[0], keys[1], [16]byte{2}); err != nil || status != http.StatusUnauthorized {
		t.Errorf("another node's key: %d, %v", status, err)
	}
}
