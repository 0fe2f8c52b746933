"""The URLs of the platform."""

from django.urls import path

from . import views

urlpatterns = [
    path("webhooks/<slug:account>/", views.webhook),
    path("<slug:account>/lessons/", views.create_lesson),
    path("<slug:account>/lessons/<int:lesson_id>/", views.show_lesson),
    path("<slug:account>/health/", views.health),
]
