// A bare client over gorilla/websocket, the library that k6 is built on, without k6's JavaScript virtual machine for each
// user and without its metrics: what it costs is a floor of what k6 costs.
//
//	gorilla-client URL SOCKETS MESSAGES_PER_SECOND SECONDS
//
// Prints how many replies came.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

var message = []byte("message message ")

func main() {
	if len(os.Args) != 5 {
		log.Fatal("usage: gorilla-client URL SOCKETS MESSAGES_PER_SECOND SECONDS")
	}
	url := os.Args[1]
	sockets, rate, seconds := number(os.Args[2]), number(os.Args[3]), number(os.Args[4])
	var replies atomic.Int64
	var all sync.WaitGroup
	for range int(sockets) {
		all.Add(1)
		go func() {
			defer all.Done()
			run(url, rate, time.Duration(seconds*float64(time.Second)), &replies)
		}()
	}
	all.Wait()
	fmt.Println(replies.Load())
}

// run keeps one socket open for a while, sends on schedule and reads each reply.
func run(url string, rate float64, length time.Duration, replies *atomic.Int64) {
	socket, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer socket.Close()
	go func() {
		var reply struct{ Count int }
		for {
			_, bytes, err := socket.ReadMessage()
			if err != nil {
				return
			}
			if err := json.Unmarshal(bytes, &reply); err != nil {
				log.Fatal(err)
			}
			replies.Add(1)
		}
	}()
	end := time.After(length)
	if rate == 0 {
		<-end
		return
	}
	// Spread over the period, as users are.
	time.Sleep(time.Duration(rand.Float64() / rate * float64(time.Second)))
	ticker := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer ticker.Stop()
	for {
		select {
		case <-end:
			return
		case <-ticker.C:
			if err := socket.WriteMessage(websocket.TextMessage, message); err != nil {
				log.Fatal(err)
			}
		}
	}
}

func number(text string) float64 {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		log.Fatal(err)
	}
	return value
}
