package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Requests are signed as Standard Webhooks has it (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md):
// the id of the message, the time of the request and the body, joined by dots, under HMAC-SHA256.
const (
	idHeader        = "Webhook-Id"
	timestampHeader = "Webhook-Timestamp"
	signatureHeader = "Webhook-Signature"
)

// What a key is: a prefix, and so many bytes in base64.
const (
	keyPrefix       = "whsec_"
	minKey, maxKey  = 24, 64
	signatureScheme = "v1,"
)

var errKey = errors.New(`signingKey: the Secret holds no key there; write whsec_ and 24 to 64 random bytes in base64, as printf 'whsec_%s' "$(openssl rand -base64 32)" makes it`)

// signer signs the requests of one event.
type signer struct {
	key []byte
	id  string
}

func newSigner(secret, id string) (*signer, error) {
	encoded, found := strings.CutPrefix(strings.TrimSpace(secret), keyPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !found || err != nil || len(key) < minKey || len(key) > maxKey {
		// The error of the decoder would tell of the key.
		return nil, errKey
	}
	return &signer{key: key, id: id}, nil
}

// sign adds the signature to the header of a request.
func (s *signer) sign(header http.Header, at time.Time, body []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, s.key)
	_, _ = mac.Write([]byte(s.id + "." + timestamp + "."))
	_, _ = mac.Write(body)
	header.Set(idHeader, s.id)
	header.Set(timestampHeader, timestamp)
	header.Set(signatureHeader, signatureScheme+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}
