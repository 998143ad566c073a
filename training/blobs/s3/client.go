package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"codeberg.org/althing/althing/governance"
)

// Config names a bucket and who may use it.
type Config struct {
	Endpoint string // scheme and host, "https://s3.example.org"
	Bucket   string // addressed as ENDPOINT/BUCKET
	Region   string // "us-east-1" if empty, which most servers of one's own take
	Access   string // access key
	Secret   string // secret key
	Prefix   string // of every name in the bucket, such as "althing/"

	Now  func() time.Time // dates the signatures
	HTTP *http.Client     // nil is one with the limits that suit a server beside this one
	Part int64            // bytes of a part of a long upload; 64 MiB if 0
	Max  int64            // bytes of one artefact; 16 GiB if 0
}

// client makes signed requests to one bucket.
type client struct {
	Config
	base   *url.URL
	signer signer
}

func newClient(c Config) (*client, error) {
	base, err := url.Parse(c.Endpoint)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" || strings.Trim(base.Path, "/") != "" {
		return nil, fmt.Errorf("S3 endpoint %q: want a scheme and a host, as https://s3.example.org", c.Endpoint)
	}
	if c.Bucket == "" || c.Access == "" || c.Secret == "" || c.Now == nil {
		return nil, errors.New("S3: a bucket, an access key, a secret key and a clock are needed")
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16, ResponseHeaderTimeout: time.Minute, IdleConnTimeout: time.Minute}}
	}
	if c.Part == 0 {
		c.Part = 64 << 20
	}
	if c.Max == 0 {
		c.Max = 16 << 30
	}
	return &client{Config: c, base: base, signer: signer{c.Region, c.Access, c.Secret}}, nil
}

// refused is what the server answered instead of doing it.
type refused struct {
	Status int
	Code   string `xml:"Code"`
	Text   string `xml:"Message"`
}

// Error is the server's code and sentence.
func (r *refused) Error() string {
	return fmt.Sprintf("S3 answered %d %s: %s", r.Status, r.Code, r.Text)
}

func status(err error) int {
	var r *refused
	if errors.As(err, &r) {
		return r.Status
	}
	return 0
}

// call is one request.
type call struct {
	method, key string
	query       url.Values
	header      http.Header
	body        io.Reader
	size        int64
	hash        string // of the body, hex; "" for no body
}

// do sends a request and returns the answer if it is one of success; else a
// refused error, or Unavailable when the server cannot be reached.
func (c *client) do(ctx context.Context, call call) (*http.Response, error) {
	u := *c.base
	u.Path = "/" + c.Bucket + "/" + call.key
	u.RawPath = escapePath(u.Path)
	u.RawQuery = canonicalQuery(call.query)
	req, err := http.NewRequestWithContext(ctx, call.method, u.String(), call.body)
	if err != nil {
		return nil, err
	}
	for name, values := range call.header {
		req.Header[name] = values
	}
	if call.body != nil {
		req.ContentLength = call.size
	}
	if call.hash == "" {
		call.hash = emptyHash
	}
	c.signer.sign(req, call.hash, c.Now())
	res, err := c.HTTP.Do(req)
	if err != nil {
		var mine *governance.Error
		if errors.As(err, &mine) || ctx.Err() != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w (%w)", governance.Errorf(governance.Unavailable, "The store of artefacts cannot be reached. Please try again in a moment."), err)
	}
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return res, nil
	}
	defer res.Body.Close()
	refusal := &refused{Status: res.StatusCode}
	if text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10)); err == nil {
		_ = xml.Unmarshal(text, refusal) // a proxy's page is no XML; the status says enough
	}
	if res.StatusCode == http.StatusInsufficientStorage || refusal.Code == "XMinioStorageFull" || refusal.Code == "QuotaExceeded" {
		return nil, fmt.Errorf("%w (%w)", governance.Errorf(governance.Full, "The store of artefacts is full. Nothing was stored."), refusal)
	}
	return nil, refusal
}

// send is do for an answer without a body that matters.
func (c *client) send(ctx context.Context, call call) (http.Header, error) {
	res, err := c.do(ctx, call)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	return res.Header, errors.Join(err, res.Body.Close())
}

// ask is do for an answer in XML.
func (c *client) ask(ctx context.Context, call call, to any) error {
	res, err := c.do(ctx, call)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	if err == nil {
		err = xml.Unmarshal(text, to)
	}
	if err != nil {
		return fmt.Errorf("S3: read answer: %w", err)
	}
	return nil
}

func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// bytesOf makes a call's body of bytes in memory.
func bytesOf(c call, data []byte) call {
	c.body, c.size, c.hash = bytes.NewReader(data), int64(len(data)), hashOf(data)
	return c
}
