"""What a network costs: counts, time, throughput, live, memory, energy, and whether a runtime keeps the answers.

In: a network, a runtime, example inputs. Out: ``Cost``, ``Parity``, ``Profile``. May import: learn, score and below.
A figure without its circumstances (threads, device, noise, validity) does not leave this room.
"""
