package localidp

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestAccountsOfOneAddressAreLimited(t *testing.T) {
	t.Parallel()
	w := open(t, func(c *Config) { c.AccountsPerHour = 2 })
	b := w.browser()
	w.register(t, b, "ada", "correct horse battery")
	w.register(t, b, "bede", "correct horse battery")
	form := url.Values{"request": {w.begin(t, b)}, "name": {"cato"}, "password": {"correct horse battery"}, "again": {"correct horse battery"}}
	status, body, _ := do(t, b, site+"/local/register", form)
	if status != http.StatusTooManyRequests || !strings.Contains(body, "in an hour") {
		t.Errorf("third account of an address that may make two: got %d %s, want 429", status, body)
	}
}
