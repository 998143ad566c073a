package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// browser is what one person reads the site with.
type browser struct {
	base   *url.URL
	client *http.Client
}

// maxPage bounds what is read of an answer.
const maxPage = 16 << 20

// newBrowser opens a browser for one person.
func newBrowser(base *url.URL) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil
	return &browser{base, &http.Client{Jar: jar, Transport: transport, Timeout: 2 * time.Minute}}, nil
}

// open reads a page; a path is of the site.
func (b *browser) open(ctx context.Context, address string) (*page, error) {
	p, err := b.look(ctx, address)
	if err == nil {
		err = p.check()
	}
	return p, err
}

// look is open for whoever wants to see a refusal too.
func (b *browser) look(ctx context.Context, address string) (*page, error) {
	to, err := b.base.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", address, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", address, err)
	}
	return b.do(req)
}

// press sends a form by one of its buttons and follows where it leads.
func (b *browser) press(ctx context.Context, f *form, label string) (*page, error) {
	values, err := f.values(label)
	if err != nil {
		return nil, err
	}
	to, body := *f.action, ""
	if f.method == http.MethodGet {
		to.RawQuery = values.Encode()
	} else {
		body = values.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, f.method, to.String(), strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("send a form to %s: %w", to.Path, err)
	}
	if f.method != http.MethodGet {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", b.base.Scheme+"://"+b.base.Host)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	p, err := b.do(req)
	if err == nil {
		err = p.check()
	}
	return p, err
}

func (b *browser) do(req *http.Request) (*page, error) {
	req.Header.Set("Accept", "text/html")
	res, err := b.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", req.URL.Path, err)
	}
	defer res.Body.Close()
	root, err := html.Parse(io.LimitReader(res.Body, maxPage))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", req.URL.Path, err)
	}
	return &page{res.StatusCode, res.Request.URL, root}, nil
}

// file reads an address that is no page.
func (b *browser) file(ctx context.Context, address string) ([]byte, error) {
	to, err := b.base.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", address, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", address, err)
	}
	res, err := b.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", to.Path, err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxPage))
	if err == nil && res.StatusCode != http.StatusOK {
		err = &refusal{res.StatusCode, to.Path, string(data[:min(len(data), 200)])}
	}
	return data, err
}

// entry is what is typed into one field.
type entry struct{ name, value string }

// fill opens a page, fills in the form of a button, and presses it.
func (b *browser) fill(ctx context.Context, address, label string, entries ...entry) (*page, error) {
	p, err := b.open(ctx, address)
	if err != nil {
		return nil, err
	}
	return b.fillIn(ctx, p, label, entries...)
}

// fillIn is fill on a page that is open already.
func (b *browser) fillIn(ctx context.Context, p *page, label string, entries ...entry) (*page, error) {
	f, err := p.form(label)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if err := f.set(e.name, e.value); err != nil {
			return nil, fmt.Errorf("fill in %s: %w", p.url.Path, err)
		}
	}
	return b.press(ctx, f, label)
}

// patience is how long a step may take on a busy machine before it counts as
// one that will never end.
const patience = 20 * time.Minute

// until opens a page again and again until it shows what is waited for, and
// tells each time what it saw. The site pushes changes to real browsers; here
// a second between looks is soon enough.
func (b *browser) until(ctx context.Context, address string, seen func(*page) (bool, error)) (*page, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("%s did not change as expected within %v", address, patience))
	defer cancel()
	for {
		p, err := b.open(ctx, address)
		if err == nil {
			var done bool
			if done, err = seen(p); done && err == nil {
				return p, nil
			}
		}
		if err != nil {
			if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
				return nil, cause
			}
			return nil, err
		}
		select {
		case <-ctx.Done():
			return p, fmt.Errorf("%w; it says: %.600s", context.Cause(ctx), p.words())
		case <-time.After(500 * time.Millisecond):
		}
	}
}
